//! The formats, and which of them a file is: found out by its content, never by its name.

mod alipay;
mod camt;
mod mt940;
mod stripe;
mod wechat;

use crate::decode::{chinese, latin, unpack, utf8};
use crate::{Format, Parsed, StatementError};

/// Reads the statements of one file, packed or not.
///
/// `format`: what it is, where the caller knows; found out by content where it is not given.
///
/// # Errors
/// [`StatementError`], with the line and the reason. A packed file is refused as a whole.
pub fn read(bytes: &[u8], format: Option<Format>) -> Result<Parsed, StatementError> {
    let files = unpack(bytes)?;
    if let [file] = files.as_slice() {
        return read_one(file, format);
    }
    // a packed ledger brings its summary along, in any order: the one file with lines is meant
    let known: Vec<&Vec<u8>> = files.iter().filter(|f| sniff(f).is_some()).collect();
    match known.as_slice() {
        [file] => read_one(file, format),
        [] => {
            Err(StatementError::Packed { why: "none of its files is a statement that is known here".into() })
        }
        many => Err(StatementError::Packed {
            why: format!("{} of its files are statements: take one at a time", many.len()),
        }),
    }
}

fn read_one(bytes: &[u8], format: Option<Format>) -> Result<Parsed, StatementError> {
    let format = match format.or_else(|| sniff(bytes)) {
        Some(format) => format,
        None => return Err(StatementError::UnknownFormat { found: looks_like(bytes) }),
    };
    match format {
        Format::WechatBill => wechat::bill(utf8(bytes)?),
        Format::WechatFundFlow => wechat::fund_flow(utf8(bytes)?),
        Format::AlipayLedger => alipay::ledger(&chinese(bytes)?),
        Format::StripeBalance => stripe::read(utf8(bytes)?, format),
        Format::StripeItemised => stripe::read(utf8(bytes)?, format),
        Format::Camt052 | Format::Camt053 | Format::Camt054 => camt::read(utf8(bytes)?, format),
        Format::Mt940 | Format::Mt942 => mt940::read(&latin(bytes), format),
    }
}

/// What a file is, by the first of it.
fn sniff(bytes: &[u8]) -> Option<Format> {
    /// Preambles of ledgers stand before their header.
    const HEAD: usize = 8 << 10;
    let head = &bytes[..bytes.len().min(HEAD)];
    let start = latin(head);
    let text = start.trim_start_matches(|c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}');
    if text.starts_with('<') {
        return camt::sniff(&start);
    }
    if let Some(format) = mt940::sniff(&start) {
        return Some(format);
    }
    // the head may end within a character: what is whole of it is enough
    let chinese = match std::str::from_utf8(head) {
        Ok(text) => text.to_owned(),
        Err(e) if e.error_len().is_none() => String::from_utf8_lossy(&head[..e.valid_up_to()]).into_owned(),
        Err(_) => encoding_rs::GB18030.decode_without_bom_handling(head).0.into_owned(),
    };
    wechat::sniff(&chinese).or_else(|| alipay::sniff(&chinese)).or_else(|| stripe::sniff(&chinese))
}

/// A few words of a file that is no statement.
fn looks_like(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "it is empty".into();
    }
    let head: String = latin(&bytes[..bytes.len().min(200)])
        .lines()
        .find(|l| !l.trim().is_empty())
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control())
        .take(60)
        .collect();
    if head.is_empty() { "it holds no text".into() } else { format!("it begins with {head:?}") }
}
