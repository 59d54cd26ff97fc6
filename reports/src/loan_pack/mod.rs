//! A loan pack for people: a page to read and print, and a workbook. Every figure is one of the pack's; none is reckoned here.

mod lists;
mod market;
mod page;
mod xlsx;

use chrono::NaiveDate;
use daybook_domain::{Currency, Timestamp};
use daybook_packs::{Facts, Figures, MarketFacts, MarketSubject, Subject};

use crate::{Page, ReportError};

/// The name of the page among the pack's files.
pub const PAGE: &str = "loan-pack.html";
/// The name of the workbook.
pub const WORKBOOK: &str = "loan-pack.xlsx";

/// What stands at the head of page and workbook, whosever the pack is.
struct Head<'f> {
    /// The merchant, or the market.
    name: &'f str,
    from: NaiveDate,
    to: NaiveDate,
    time_zone: &'f str,
    currency: Currency,
    drawn_at: Timestamp,
    through: u64,
    /// To whom it is issued, and for what; none in a draft.
    issued: Option<(&'f str, &'f str)>,
}

impl<'f> From<&'f Subject> for Head<'f> {
    fn from(of: &'f Subject) -> Self {
        let issued = of.issued.as_ref().map(|issued| (&*issued.recipient, &*issued.purpose));
        let (name, time_zone, currency) = (&*of.merchant, &*of.time_zone, of.currency);
        let (from, to, drawn_at, through) = (of.from, of.to, of.drawn_at, of.through);
        Self { name, from, to, time_zone, currency, drawn_at, through, issued }
    }
}

impl<'f> From<&'f MarketSubject> for Head<'f> {
    fn from(of: &'f MarketSubject) -> Self {
        let issued = of.issued.as_ref().map(|issued| (&*issued.recipient, &*issued.purpose));
        let (name, time_zone, currency) = (&*of.market, &*of.time_zone, of.currency);
        let (from, to, drawn_at, through) = (of.from, of.to, of.drawn_at, of.through);
        Self { name, from, to, time_zone, currency, drawn_at, through, issued }
    }
}

impl Head<'_> {
    fn title(&self) -> String {
        format!("Loan pack of {}", self.name)
    }

    /// What the page says of the pack, with more of its own behind the position.
    fn facts(&self, more: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
        let mut of = vec![
            ("Days", format!("{} to {} ({})", self.from, self.to, self.time_zone)),
            ("Currency", self.currency.as_str().to_owned()),
            ("Drawn", format!("{} at position {} of the journal", self.drawn_at, self.through)),
        ];
        of.extend(more);
        of.push(match self.issued {
            Some((recipient, purpose)) => ("Issued to", format!("{recipient}, for {purpose}")),
            None => ("DRAFT", "not issued, and nothing that anybody may rest on".to_owned()),
        });
        of
    }
}

/// What is said last of a pack: how it is checked.
fn to_check() -> (&'static str, String) {
    ("To check", "daybook loan-pack verify FILE --key PUBLIC_KEY".to_owned())
}

/// The pack as a page.
#[must_use]
pub fn page(facts: &Facts, figures: &Figures) -> Page {
    page::page(facts, figures)
}

/// Page and workbook, as files of the pack.
///
/// # Errors
/// [`ReportError`].
pub fn files(facts: &Facts, figures: &Figures) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    drawn(&page::page(facts, figures), &Head::from(&facts.subject), figures)
}

/// Page and workbook of a market's pack.
///
/// # Errors
/// [`ReportError`].
pub fn market_files(facts: &MarketFacts, figures: &Figures) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    drawn(&market::page(facts, figures), &Head::from(&facts.subject), figures)
}

fn drawn(page: &Page, head: &Head<'_>, figures: &Figures) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let mut html = Vec::new();
    page.write_html(&mut html)?;
    let book = xlsx::workbook(head, figures).map_err(|error| ReportError::Workbook(error.to_string()))?;
    Ok(vec![(PAGE.to_owned(), html), (WORKBOOK.to_owned(), book)])
}

/// `-1234567.89` as `-1,234,567.89`; anything else as it is.
fn grouped(text: &str) -> String {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, rest) = digits.split_once('.').map_or((digits, ""), |(whole, rest)| (whole, rest));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() < 4 || !plain(whole) || !plain(rest) {
        return text.to_owned();
    }
    let mut out = String::from(if digits.len() < text.len() { "-" } else { "" });
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if !rest.is_empty() {
        out.push('.');
        out.push_str(rest);
    }
    out
}

/// A ratio of four decimals as percent: `0.1234` as `12.34 %`.
fn percent(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let moved = digits.split_once('.').filter(|(_, rest)| rest.len() == 4).map(|(whole, rest)| {
        let whole = format!("{whole}{}", &rest[..2]);
        let whole = whole.trim_start_matches('0');
        format!("{sign}{}.{} %", if whole.is_empty() { "0" } else { whole }, &rest[2..])
    });
    moved.unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_in_groups_and_ratios_in_percent() {
        assert_eq!(
            ["-1234567.89", "123", "2018-05", "1000"].map(grouped),
            ["-1,234,567.89", "123", "2018-05", "1,000"]
        );
        assert_eq!(
            ["0.1234", "1.0000", "-0.0050", "12.3456"].map(percent),
            ["12.34 %", "100.00 %", "-0.50 %", "1234.56 %"]
        );
    }
}
