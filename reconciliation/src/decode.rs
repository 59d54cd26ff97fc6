//! From bytes to text: unpacking and encodings.

use std::io::{Cursor, Read};

use encoding_rs::{GB18030, WINDOWS_1252};

use crate::StatementError;
use crate::limits::{MAX_FILE_BYTES, MAX_PACKED_FILES, MAX_UNPACKED_BYTES, MAX_UNPACKED_RATIO};

/// The files that are in `bytes`: itself, or what is packed in it.
pub(crate) fn unpack(bytes: &[u8]) -> Result<Vec<Vec<u8>>, StatementError> {
    if bytes.len() > MAX_FILE_BYTES {
        let what = format!("the file's size, {} bytes,", bytes.len());
        return Err(StatementError::TooLarge { what, most: MAX_FILE_BYTES as u64 });
    }
    if !bytes.starts_with(b"PK\x03\x04") {
        return Ok(vec![bytes.to_vec()]);
    }
    let packed = |e: &dyn std::fmt::Display| StatementError::Packed { why: e.to_string() };
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|e| packed(&e))?;
    if archive.len() > MAX_PACKED_FILES {
        let what = format!("the number of packed files, {},", archive.len());
        return Err(StatementError::TooLarge { what, most: MAX_PACKED_FILES as u64 });
    }
    // what was said of its size is not believed: reading stops at the limit, whatever the archive says
    let most = MAX_UNPACKED_BYTES.min(MAX_UNPACKED_RATIO.saturating_mul(bytes.len() as u64));
    let mut left = most;
    let mut files = Vec::new();
    for at in 0..archive.len() {
        let file = archive.by_index(at).map_err(|e| packed(&e))?;
        if file.is_dir() {
            continue;
        }
        let mut content = Vec::new();
        file.take(left + 1).read_to_end(&mut content).map_err(|e| packed(&e))?;
        if content.len() as u64 > left {
            let what = "what the packed file unpacks to".to_owned();
            return Err(StatementError::TooLarge { what, most });
        }
        left -= content.len() as u64;
        files.push(content);
    }
    Ok(files)
}

/// UTF-8, with or without a byte order mark.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, StatementError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|e| StatementError::Encoding {
        line: line_of(bytes, e.valid_up_to()),
        why: format!("byte {} is not UTF-8", e.valid_up_to() + 1),
        wanted: "UTF-8",
    })
}

/// GB18030, of which GBK is a part, or UTF-8 where it is that: some tools convert exports.
pub(crate) fn chinese(bytes: &[u8]) -> Result<String, StatementError> {
    if let Ok(text) = utf8(bytes) {
        return Ok(text.to_owned());
    }
    match GB18030.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) => Ok(text.into_owned()),
        None => {
            let (text, _) = GB18030.decode_without_bom_handling(bytes);
            let before = text.split('\u{fffd}').next().unwrap_or_default();
            let line = before.matches('\n').count() as u64 + 1;
            Err(StatementError::Encoding {
                line,
                why: "a byte that is not GB18030".into(),
                wanted: "GBK or GB18030",
            })
        }
    }
}

/// UTF-8, else Latin letters of one byte: what banks send over SWIFT.
pub(crate) fn latin(bytes: &[u8]) -> String {
    match utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    }
}

fn line_of(bytes: &[u8], at: usize) -> u64 {
    bytes[..at].iter().filter(|b| **b == b'\n').count() as u64 + 1
}
