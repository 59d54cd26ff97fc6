//! Files in one archive: a zip in which nothing is compressed, written in one way only, so that each of its bytes is checked.

use std::io::{Cursor, Read as _, Seek, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::Files;
use crate::ProofError;

/// Longest archive that is read.
pub const MOST_BYTES: u64 = 256 << 20;
/// Most files in one.
const MOST_FILES: usize = 20_000;

fn bad(why: impl std::fmt::Display) -> ProofError {
    ProofError::malformed("the archive", why)
}

/// Writes an archive.
///
/// # Errors
/// [`ProofError::Malformed`] where it cannot be written.
pub fn write<W: Write + Seek>(files: &Files, to: W) -> Result<W, ProofError> {
    let mut zip = ZipWriter::new(to);
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    for (name, bytes) in files {
        zip.start_file(name.as_str(), options).map_err(bad)?;
        zip.write_all(bytes).map_err(bad)?;
    }
    zip.finish().map_err(bad)
}

/// Reads an archive that [`write()`] made.
///
/// # Errors
/// [`ProofError::Malformed`] for any other one.
pub fn read(bytes: &[u8]) -> Result<Files, ProofError> {
    if bytes.len() as u64 > MOST_BYTES {
        return Err(bad(format!("it has more than {MOST_BYTES} bytes")));
    }
    // what the end of it says of how many files there are is looked at before they are: parsing a directory is work too
    let count = bytes.len().checked_sub(12).and_then(|at| bytes.get(at..at + 2));
    let count = count.map_or(0, |two| usize::from(u16::from_le_bytes([two[0], two[1]])));
    if count > MOST_FILES {
        return Err(bad(format!("it has {count} files: at most {MOST_FILES} are read")));
    }
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(bad)?;
    if zip.len() > MOST_FILES {
        return Err(bad(format!("it has {} files: at most {MOST_FILES} are read", zip.len())));
    }
    let (mut files, mut all) = (Files::new(), 0u64);
    for at in 0..zip.len() {
        let mut file = zip.by_index(at).map_err(bad)?;
        let name = file.name().map_err(bad)?.into_owned();
        if file.compression() != CompressionMethod::Stored || file.encrypted() {
            return Err(bad(format!("{name} is compressed or encrypted: a statement is stored as it is")));
        }
        // stored: what is said of lengths cannot be more than what is there
        all = all.saturating_add(file.size());
        if all > bytes.len() as u64 {
            return Err(bad(format!("{name} is said to be longer than the archive")));
        }
        let mut content = Vec::with_capacity(usize::try_from(file.size()).unwrap_or_default());
        file.read_to_end(&mut content).map_err(|error| bad(format!("{name}: {error}")))?;
        if files.insert(name.clone(), content).is_some() {
            return Err(bad(format!("{name} stands in it twice")));
        }
    }
    let again = write(&files, Cursor::new(Vec::with_capacity(bytes.len())))?.into_inner();
    if again == bytes {
        return Ok(files);
    }
    let at = again.iter().zip(bytes).position(|(a, b)| a != b).unwrap_or(again.len().min(bytes.len()));
    Err(bad(format!(
        "at byte {at} it is not as a statement is written: something was added to it or changed"
    )))
}
