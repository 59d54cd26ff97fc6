//! SWIFT MT940 (statement) and MT942 (interim report), as banks really write them.
//!
//! Read leniently where banks differ without changing the meaning: no entry date or one of spaces, a funds code, an
//! amount on the next line, a reference longer than sixteen letters, `SWIFT` envelopes or none, 30 February as the last of
//! the month. Read strictly where meaning is at stake: amounts, currencies, marks of debit and credit.

use chrono::{Datelike, NaiveDate};
use daybook_domain::{Currency, Money, Timestamp};

use crate::limits::MAX_REFERENCES;
use crate::table::{lines, room};
use crate::text::{amount, bounded, currency};
use crate::{Finding, Format, Line, LineKind, Parsed, Statement, StatementError};

/// The tags there are. A colon at the start of another line is part of the text before it.
const TAGS: &[&str] = &[
    "20", "21", "25", "25P", "28", "28C", "13", "13D", "34F", "60", "60F", "60M", "61", "62", "62F", "62M",
    "64", "65", "86", "90C", "90D", "NS", "940", "942",
];

/// Which of the two a text is.
pub(super) fn sniff(text: &str) -> Option<Format> {
    let mut tags = fields(text).into_iter();
    let known = tags.find(|f| !matches!(f.tag, "NS" | "940" | "942"))?;
    let interim = std::iter::once(known).chain(tags).any(|f| matches!(f.tag, "34F" | "13D" | "90C" | "90D"));
    Some(if interim { Format::Mt942 } else { Format::Mt940 })
}

/// A tag with its text.
#[derive(Debug)]
struct Field<'t> {
    tag: &'static str,
    line: u64,
    /// Its lines; the first is the rest of the tag's own.
    lines: Vec<&'t str>,
}

impl Field<'_> {
    fn first(&self) -> &str {
        self.lines.first().map_or("", |l| l.trim())
    }
}

/// The tag that a line begins with, and the rest of the line.
fn tag(line: &str) -> Option<(&'static str, &str)> {
    let (name, rest) = line.strip_prefix(':')?.split_once(':')?;
    TAGS.iter().find(|t| **t == name).map(|t| (*t, rest))
}

fn fields(text: &str) -> Vec<Field<'_>> {
    let mut fields: Vec<Field<'_>> = Vec::new();
    let mut lone_colon = false;
    for (at, line) in lines(text) {
        let line = line.trim_start_matches(['\u{1}', '\u{feff}']).trim_end();
        // a colon alone belongs to the tag that the next line begins with
        if std::mem::replace(&mut lone_colon, line == ":")
            && let Some(rest) = line.strip_prefix("86:")
        {
            fields.push(Field { tag: "86", line: at, lines: vec![rest] });
            continue;
        }
        if lone_colon {
            continue;
        }
        // an envelope may stand before the first tag: {1:F01...}{4:
        let begins = line.rfind("{4:").map_or(line, |at| &line[at + 3..]);
        if let Some((tag, rest)) = tag(begins) {
            fields.push(Field { tag, line: at, lines: vec![rest] });
        } else if let Some(field) = fields.last_mut() {
            let end = line == "-" || line.starts_with("-}") || line == "-XXX" || line.starts_with("-\u{3}");
            if !end && !line.starts_with("{1:") {
                field.lines.push(line);
            }
        }
    }
    fields
}

/// Reads statements.
pub(super) fn read(text: &str, format: Format) -> Result<Parsed, StatementError> {
    let fields = fields(text);
    if fields.is_empty() {
        return Err(StatementError::UnknownFormat { found: "it has no tag such as :20:".into() });
    }
    let mut parsed = Parsed { format, statements: Vec::new(), findings: Vec::new() };
    let mut now: Option<Reading> = None;
    let mut count = 0;
    for field in &fields {
        // a new reference begins a new statement; a file without any is one
        if field.tag == "20" || now.is_none() {
            if let Some(done) = now.take() {
                done.finish(format, &mut parsed)?;
            }
            let statement = Statement { line: field.line, ..Statement::default() };
            now = Some(Reading { statement, currency: None, complete: false, about: None, sums: Vec::new() });
        }
        let reading = now.as_mut().expect("invariant: begun above");
        reading.take(field, &mut count, &mut parsed.findings)?;
    }
    if let Some(done) = now {
        done.finish(format, &mut parsed)?;
    }
    Ok(parsed)
}

/// What the text of tag 86 is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    Entry,
    Statement,
}

struct Reading {
    statement: Statement,
    currency: Option<Currency>,
    /// Whether it has a closing balance or, for a report, its sums.
    complete: bool,
    about: Option<About>,
    /// Count and sum of an interim report: line, whether credits, how many, how much.
    sums: Vec<(u64, bool, usize, Money)>,
}

impl Reading {
    fn take(
        &mut self,
        field: &Field<'_>,
        count: &mut usize,
        findings: &mut Vec<Finding>,
    ) -> Result<(), StatementError> {
        let line = field.line;
        for text in &field.lines {
            bounded(text, line, field.tag)?;
        }
        match field.tag {
            "25" | "25P" => {
                let account = field.first();
                self.statement.account = account.to_owned();
                // some banks put the currency behind the account
                if self.currency.is_none()
                    && let Some(code) = account.len().checked_sub(3).and_then(|at| account.get(at..))
                    && let Ok(of) = Currency::new(code)
                {
                    self.currency = Some(of);
                }
            }
            "28" | "28C" => self.statement.number = field.first().to_owned(),
            "34F" => {
                if let Some(code) = field.first().get(..3) {
                    self.currency = Some(currency(code, line, ":34F:")?);
                }
            }
            "60" | "60F" | "60M" => {
                let (money, at) = balance(field.first(), None, line, ":60:", findings)?;
                self.currency = Some(money.currency);
                self.statement.opening = Some(money);
                // the balance is that of the end of its day, unless entries of the same day follow
                self.statement.from = Some(at.plus_days(1));
            }
            "62" | "62F" | "62M" => {
                let (money, at) = balance(field.first(), self.currency, line, ":62:", findings)?;
                self.statement.closing = Some(money);
                self.statement.to = Some(at.plus_days(1));
                self.complete = true;
            }
            "61" => {
                room(*count)?;
                *count += 1;
                let entry = entry(field, self.currency, findings)?;
                self.statement.lines.push(entry);
            }
            "86" => {
                if let (Some(About::Entry), Some(entry)) = (self.about, self.statement.lines.last_mut()) {
                    describe(entry, field);
                }
            }
            "90C" | "90D" => {
                self.complete = true;
                self.sums.push(sums(field, line)?);
            }
            _ => {}
        }
        self.about = match field.tag {
            "61" => Some(About::Entry),
            "86" if self.about == Some(About::Entry) => Some(About::Entry),
            _ => Some(About::Statement),
        };
        Ok(())
    }

    fn finish(mut self, format: Format, parsed: &mut Parsed) -> Result<(), StatementError> {
        let has_head = self.statement.opening.is_some() || !self.statement.lines.is_empty();
        let last = self.statement.lines.last().map_or(self.statement.line, |l| l.line);
        if has_head && !self.complete {
            let missing = if format == Format::Mt942 { ":90D: or :90C:" } else { ":62F: or :62M:" };
            let what = format!("the statement has no {missing} at its end: the file may be cut off");
            parsed.findings.push(Finding { cut_off: true, ..Finding::new(last, what) });
        }
        if let (Some(from), Some(first)) =
            (self.statement.from, self.statement.lines.iter().map(|l| l.at).min())
        {
            self.statement.from = Some(from.min(first));
        }
        self.statement.check_balances(&mut parsed.findings);
        for (line, credits, said, money) in std::mem::take(&mut self.sums) {
            let lines = || self.statement.lines.iter().filter(|l| (l.net.minor > 0) == credits);
            let (counted, sum) = (lines().count(), lines().map(|l| l.net.minor.abs()).sum::<i64>());
            if said != counted {
                let what = format!("the trailer counts {said}, there are {counted}");
                parsed.findings.push(Finding::new(line, what));
            }
            let sum = Money::new(sum, money.currency);
            if money != sum {
                let what = format!("the trailer says {money}, the lines come to {sum}");
                parsed.findings.push(Finding::new(line, what).off(money.sub(sum).ok()));
            }
        }
        parsed.statements.push(self.statement);
        Ok(())
    }
}

/// `[C|D]YYMMDDCCC12,34`; some banks leave the currency out of the closing balance.
fn balance(
    text: &str,
    known: Option<Currency>,
    line: u64,
    field: &str,
    findings: &mut Vec<Finding>,
) -> Result<(Money, Timestamp), StatementError> {
    let wrong =
        || StatementError::at(line, format!("{field} {text:?} is no balance such as C260531EUR12,34"));
    let negative = match text.get(..1) {
        Some("C") => false,
        Some("D") => true,
        _ => return Err(wrong()),
    };
    let at = date(text.get(1..7).ok_or_else(wrong)?, line, field, findings)?;
    let rest = text.get(7..).ok_or_else(wrong)?;
    let (of, number) = if rest.starts_with(|c: char| c.is_ascii_digit()) {
        (known.ok_or_else(wrong)?, rest)
    } else {
        (currency(rest.get(..3).ok_or_else(wrong)?, line, field)?, rest.get(3..).ok_or_else(wrong)?)
    };
    let size = comma(number, of, line, field)?;
    Ok((if negative { Money::new(-size.minor, of) } else { size }, at))
}

/// An amount with a decimal comma: `12,34`, `12,`, `00012,3`.
fn comma(text: &str, of: Currency, line: u64, field: &str) -> Result<Money, StatementError> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b',');
    let number = text.replace(',', ".");
    let number = number.strip_suffix('.').unwrap_or(&number);
    if !plain || number.is_empty() {
        return Err(StatementError::at(line, format!("{field}: {text:?} is no amount such as 12,34")));
    }
    amount(number, of, line, field)
}

/// `YYMMDD`: of this century up to 79, as SWIFT has it. A day that the month does not have is its last: banks
/// that reckon months of thirty days write 30 February.
fn date(
    text: &str,
    line: u64,
    field: &str,
    findings: &mut Vec<Finding>,
) -> Result<Timestamp, StatementError> {
    let wrong = || StatementError::at(line, format!("{field}: {text:?} is no date such as 260531"));
    let number = |from: usize| text.get(from..from + 2).and_then(|t| t.parse::<u32>().ok()).ok_or_else(wrong);
    let (year, month, day) = (number(0)?, number(2)?, number(4)?);
    let year = i32::try_from(year).map_err(|_| wrong())? + if year < 80 { 2_000 } else { 1_900 };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return Err(wrong());
    }
    let date = NaiveDate::from_ymd_opt(year, month, day).or_else(|| {
        let next = if month == 12 {
            NaiveDate::from_ymd_opt(year + 1, 1, 1)
        } else {
            NaiveDate::from_ymd_opt(year, month + 1, 1)
        };
        let last = next?.pred_opt()?;
        let what = format!("{field}: {text} is no day, read as {last}");
        findings.push(Finding::new(line, what));
        Some(last)
    });
    let date = date.ok_or_else(wrong)?;
    Ok(midnight(date))
}

fn midnight(date: NaiveDate) -> Timestamp {
    let at = date.and_hms_opt(0, 0, 0).expect("invariant: every day has a midnight in UTC");
    Timestamp(at.and_utc().timestamp_micros())
}

/// `YYMMDD[MMDD][R](C|D)[funds code]amount[type]reference[//their reference]`, and a line of details.
fn entry(
    field: &Field<'_>,
    known: Option<Currency>,
    findings: &mut Vec<Finding>,
) -> Result<Line, StatementError> {
    let line = field.line;
    // the amount of some entries stands on the next line
    let (first, details) = match field.lines.as_slice() {
        [first, second, rest @ ..] if !first.bytes().any(|b| b == b',') => (format!("{first}{second}"), rest),
        [first, rest @ ..] => ((*first).to_owned(), rest),
        [] => (String::new(), [].as_slice()),
    };
    let wrong = |what: &str| {
        StatementError::at(
            line,
            format!(":61: {what} in {first:?}: it begins like 2605310531C12,34NTRFNONREF"),
        )
    };
    let value = date(first.get(..6).ok_or_else(|| wrong("has no date"))?, line, ":61:", findings)?;
    let rest = first.get(6..).unwrap_or_default();
    let (booked, rest) = match rest.get(..4) {
        Some(text) if text.bytes().all(|b| b.is_ascii_digit()) => (entry_date(text, value), &rest[4..]),
        // an entry date of spaces is none
        Some(text) if text.trim().is_empty() => (None, &rest[4..]),
        _ => (None, rest),
    };
    let (reversal, rest) = match rest.strip_prefix('R') {
        Some(after) if after.starts_with(['C', 'D']) => (true, after),
        _ => (false, rest),
    };
    let came = match rest.get(..1) {
        Some("C") => true,
        Some("D") => false,
        _ => return Err(wrong("has no mark C or D")),
    };
    let rest = &rest[1..];
    // the third letter of the currency, where it is told
    let rest = if rest.starts_with(|c: char| c.is_ascii_uppercase()) { &rest[1..] } else { rest };
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != ',').unwrap_or(rest.len());
    let of = known.ok_or_else(|| {
        StatementError::at(line, ":61: stands before any currency: the opening balance (:60F:) is missing")
    })?;
    let size = comma(&rest[..end], of, line, ":61: amount")?;
    // a reversed credit takes money away again
    let net = if came == reversal { Money::new(-size.minor, of) } else { size };
    let rest = &rest[end..];
    let typed =
        rest.len() >= 4 && rest.is_char_boundary(4) && rest.starts_with(|c: char| c.is_ascii_uppercase());
    let (kind_code, rest) = if typed { rest.split_at(4) } else { ("", rest) };
    let (ours, theirs) = rest.split_once("//").unwrap_or((rest, ""));
    let given = |text: &str| Some(text.trim()).filter(|t| !t.is_empty() && *t != "NONREF").map(str::to_owned);
    let kind = match (reversal, came) {
        (true, _) => LineKind::Reversal,
        _ if kind_code.ends_with("CHG") || kind_code.ends_with("COM") => LineKind::Fee,
        (false, true) => LineKind::Credit,
        (false, false) => LineKind::Debit,
    };
    Ok(Line {
        line,
        references: given(theirs).into_iter().collect(),
        ours: given(ours).into_iter().collect(),
        kind,
        gross: if kind == LineKind::Fee { Money::zero(of) } else { net },
        fee: if kind == LineKind::Fee { Money::new(-net.minor, of) } else { Money::zero(of) },
        net,
        at: booked.unwrap_or(value),
        value_at: Some(value),
        day_only: true,
        text: details.iter().map(|d| d.trim()).filter(|d| !d.is_empty()).collect::<Vec<_>>().join(" "),
    })
}

/// The entry date has no year: the one that brings it nearest to the value date.
fn entry_date(text: &str, value: Timestamp) -> Option<Timestamp> {
    let (month, day) = (text[..2].parse().ok()?, text[2..].parse().ok()?);
    let value_day = chrono::DateTime::from_timestamp_micros(value.0)?.date_naive();
    let near = |year: i32| NaiveDate::from_ymd_opt(year, month, day);
    let candidates = [near(value_day.year() - 1), near(value_day.year()), near(value_day.year() + 1)];
    let nearest = candidates.into_iter().flatten().min_by_key(|d| (*d - value_day).num_days().abs())?;
    Some(midnight(nearest))
}

/// The text of tag 86: what it is for, and the references in it.
fn describe(entry: &mut Line, field: &Field<'_>) {
    let joined: String = field.lines.concat();
    let mut plain = String::new();
    // ?20..?29 and ?60..?63 hold the purpose in pieces, the rest who and from where
    if joined.contains("?20") || joined.contains("?00") {
        for part in joined.split('?').skip(1) {
            let Some((code, text)) = part.get(..2).zip(part.get(2..)) else { continue };
            if code.starts_with('2') || matches!(code, "60" | "61" | "62" | "63") {
                plain.push_str(text);
            }
        }
    } else {
        plain = field.lines.iter().map(|l| l.trim()).collect::<Vec<_>>().join(" ");
    }
    for mark in ["EREF+", "KREF+", "EREF:"] {
        // a batch names one after the other
        for rest in plain.split(mark).skip(1) {
            let end = ["KREF+", "MREF+", "CRED+", "DEBT+", "SVWZ+", "ABWA+", "EREF+", " "]
                .iter()
                .filter_map(|m| rest.find(m))
                .min()
                .unwrap_or(rest.len());
            let reference = rest[..end].trim();
            if !reference.is_empty() && entry.ours.len() < MAX_REFERENCES {
                entry.ours.push(reference.to_owned());
            }
        }
    }
    let text = if entry.text.is_empty() { plain } else { format!("{} {plain}", entry.text) };
    entry.text = text.trim().chars().take(500).collect();
}

/// `3PLN0,03`: how many and how much.
fn sums(field: &Field<'_>, line: u64) -> Result<(u64, bool, usize, Money), StatementError> {
    let text = field.first();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let wrong = || StatementError::at(line, format!(":{}: {text:?} is no sum such as 3EUR0,03", field.tag));
    let count = text[..end].parse().map_err(|_| wrong())?;
    let of = currency(text.get(end..end + 3).ok_or_else(wrong)?, line, ":90:")?;
    let money = comma(text.get(end + 3..).ok_or_else(wrong)?, of, line, ":90:")?;
    Ok((line, field.tag == "90C", count, money))
}
