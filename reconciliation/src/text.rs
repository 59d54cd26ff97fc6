//! Amounts, times and words as statements write them.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use daybook_domain::{Currency, Money, Timestamp};

use crate::StatementError;
use crate::limits::MAX_TEXT_BYTES;

/// Beijing has had one offset, and no summer time, since 1992: WeChat Pay and Alipay write its wall clock.
pub(crate) const BEIJING: i64 = 8 * 3_600;

/// Reads an amount with a decimal point. More decimals than the minor unit are read where they are zeros: banks
/// write 8.850 and WeChat Pay 0.01000.
pub(crate) fn amount(
    text: &str,
    currency: Currency,
    line: u64,
    field: &str,
) -> Result<Money, StatementError> {
    let text = text.trim().trim_start_matches('+');
    let kept = match text.split_once('.') {
        Some((whole, fraction)) => {
            let fraction = fraction.trim_end_matches('0');
            if fraction.is_empty() && !whole.is_empty() {
                // "12." is how "12.00" ends up, "12" how it is written; "." is no number
                if text.ends_with('.') { text } else { whole }
            } else if fraction.is_empty() {
                text
            } else {
                &text[..whole.len() + 1 + fraction.len()]
            }
        }
        None => text,
    };
    // ".31" and "-.31" are written by some banks
    let padded;
    let kept = if let Some(rest) = kept.strip_prefix('.') {
        padded = format!("0.{rest}");
        &padded
    } else if let Some(rest) = kept.strip_prefix("-.") {
        padded = format!("-0.{rest}");
        &padded
    } else {
        kept
    };
    Money::parse(kept, currency).map_err(|e| StatementError::at(line, format!("{field}: {e}")))
}

/// Reads a currency code, in capitals or not.
pub(crate) fn currency(text: &str, line: u64, field: &str) -> Result<Currency, StatementError> {
    let code = text.trim().to_ascii_uppercase();
    Currency::new(&code).map_err(|e| StatementError::at(line, format!("{field}: {e}")))
}

/// Reads a wall-clock time without an offset, as one that lies `offset` seconds east of Greenwich.
pub(crate) fn wall_clock(
    text: &str,
    offset: i64,
    line: u64,
    field: &str,
) -> Result<Timestamp, StatementError> {
    let text = text.trim();
    let formats = [
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y/%m/%d %H:%M:%S",
        "%Y/%m/%d %H:%M",
    ];
    let read = formats.iter().find_map(|f| NaiveDateTime::parse_from_str(text, f).ok());
    let read = read.or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0));
    read.map(|t| Timestamp(t.and_utc().timestamp_micros() - offset * 1_000_000)).ok_or_else(|| {
        StatementError::at(line, format!("{field}: {text:?} is no time such as 2026-05-31 13:45:00"))
    })
}

/// Reads an ISO 8601 date or time; one without an offset is UTC. Says whether it is a day only.
pub(crate) fn iso_time(text: &str, line: u64, field: &str) -> Result<(Timestamp, bool), StatementError> {
    let text = text.trim();
    if let Ok(t) = DateTime::parse_from_rfc3339(text) {
        return Ok((Timestamp(t.timestamp_micros()), false));
    }
    // a date may carry an offset too: 2014-12-30+01:00, 2014-12-30Z
    let day = text.get(..10).filter(|_| text[10..].is_empty() || text[10..].starts_with(['+', '-', 'Z']));
    if let Some(day) = day.and_then(|d| NaiveDate::parse_from_str(d, "%Y-%m-%d").ok()) {
        let midnight = day.and_hms_opt(0, 0, 0).expect("invariant: every day has a midnight in UTC");
        return Ok((Timestamp(midnight.and_utc().timestamp_micros()), true));
    }
    wall_clock(text, 0, line, field).map(|at| (at, false))
}

/// A text within bounds, without the padding that exports put around ids.
pub(crate) fn clean(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c == '`' || c == '\u{feff}' || c == '"')
}

/// Refuses a text beyond what is read.
pub(crate) fn bounded(text: &str, line: u64, field: &str) -> Result<(), StatementError> {
    if text.len() <= MAX_TEXT_BYTES {
        return Ok(());
    }
    Err(StatementError::at(
        line,
        format!("{field} has {} bytes: the most that is read is {MAX_TEXT_BYTES}", text.len()),
    ))
}
