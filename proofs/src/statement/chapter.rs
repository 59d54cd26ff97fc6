//! The lines of a merchant's month, and what is sealed of them.

use std::fmt::Write as _;

use tlog_tiles::{EMPTY_HASH, Hash};

use crate::ProofError;
use crate::entry::leaf;
use crate::keyed;
use crate::tree::Tree;

/// The first line of a file of lines.
const COLUMNS: &str = "number\tday\tbooked_at\toccurred_at\tposition\tevent\torder\tamount\twithin\tbalance";
/// The first line of a merchant's leaf.
const LEAF: &str = "daybook merchant 2";
/// Largest number that is read: more than any log has events.
const MOST: u64 = 1 << 62;
/// Digits of an amount that is read: more than any sum of money has.
const MOST_DIGITS: usize = 18;

/// A line of a statement: an event that changed what the merchant is owed, or moved it within.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// 1, 2, ... within its merchant, currency and month.
    pub number: u64,
    /// The market's business day on which it is booked: `2018-05-03`.
    pub day: String,
    /// When it is booked, UTC.
    pub booked_at: String,
    /// When it happened, UTC.
    pub occurred_at: String,
    /// Position of its event in the journal.
    pub position: u64,
    /// Type of its event.
    pub event: String,
    /// The order it concerns.
    pub order: Option<String>,
    /// Change of the balance, minor units.
    pub amount: i64,
    /// What it moves within the balance, minor units.
    pub within: i64,
    /// The balance after it, minor units.
    pub balance: i64,
}

/// The lines of a merchant in one currency and month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chapter {
    /// ISO 4217 code.
    pub currency: String,
    /// The month in which they are booked: `2018-05`.
    pub month: String,
    /// Decimals of the currency.
    pub digits: u32,
    /// What the market owed the merchant before, minor units.
    pub opening: i64,
    /// The lines, in the order in which they are booked.
    pub lines: Vec<Line>,
}

/// What is sealed of a chapter.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// ISO 4217 code.
    pub currency: String,
    /// The month.
    pub month: String,
    /// Decimals of the currency.
    pub digits: u32,
    /// How many lines; without any, it says what stands in the last month that is closed.
    pub lines: u64,
    /// The balance before them, minor units.
    pub opening: i64,
    /// The balance after them, minor units.
    pub closing: i64,
    /// The root of the tree (RFC 6962) over the lines.
    pub root: Hash,
}

/// What a seal holds of a merchant.
#[derive(Clone, Debug, PartialEq)]
pub struct MerchantLeaf {
    /// The merchant.
    pub merchant: String,
    /// Of each currency and month that has lines, by these; and of each currency in which something is owed, of the last month.
    pub records: Vec<Record>,
}

/// An amount as text: `-12.30` for -1230 of two decimals.
#[must_use]
pub fn decimal(minor: i64, digits: u32) -> String {
    let (sign, whole) = (if minor < 0 { "-" } else { "" }, minor.unsigned_abs().to_string());
    let digits = digits as usize;
    if digits == 0 {
        return format!("{sign}{whole}");
    }
    let whole = format!("{whole:0>width$}", width = digits + 1);
    let (units, parts) = whole.split_at(whole.len() - digits);
    format!("{sign}{units}.{parts}")
}

/// Reads an amount that [`decimal`] wrote: minor units and decimals.
pub(crate) fn amount(text: &str) -> Option<(i64, u32)> {
    let digits = text.split_once('.').map_or(0, |(_, parts)| parts.len());
    let plain: String = text.chars().filter(|c| *c != '.').collect();
    if plain.trim_start_matches('-').len() > MOST_DIGITS {
        return None;
    }
    let (minor, digits) = (plain.parse().ok()?, u32::try_from(digits).ok()?);
    (decimal(minor, digits) == text).then_some((minor, digits))
}

/// Reads a number that is written in the one way.
pub(crate) fn number(text: &str) -> Option<u64> {
    text.parse::<u64>().ok().filter(|number| number.to_string() == text && *number <= MOST)
}

/// Whether it is a month, `2018-05`.
pub(super) fn is_month(text: &str) -> bool {
    let digits = text.bytes().enumerate().all(|(at, b)| if at == 4 { b == b'-' } else { b.is_ascii_digit() });
    text.len() == 7 && digits && ("01"..="12").contains(&&text[5..])
}

/// Whether it is a day of the calendar, `2018-05-03`.
fn is_day(text: &str) -> bool {
    let Some((month, day)) = text.split_at_checked(7).filter(|(month, _)| is_month(month)) else {
        return false;
    };
    let last = match &month[5..] {
        "02" if is_leap(&month[..4]) => "29",
        "02" => "28",
        "04" | "06" | "09" | "11" => "30",
        _ => "31",
    };
    day.strip_prefix('-').is_some_and(|day| {
        day.len() == 2 && day.bytes().all(|b| b.is_ascii_digit()) && ("01"..=last).contains(&day)
    })
}

fn is_leap(year: &str) -> bool {
    year.parse::<u32>()
        .is_ok_and(|year| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)))
}

pub(crate) fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase())
}

impl Line {
    fn write(&self, digits: u32, out: &mut String) {
        let Self { number, day, booked_at, occurred_at, position, event, .. } = self;
        let order = self.order.as_deref().unwrap_or_default();
        let [amount, within, balance] =
            [self.amount, self.within, self.balance].map(|minor| decimal(minor, digits));
        let line = write!(
            out,
            "{number}\t{day}\t{booked_at}\t{occurred_at}\t{position}\t{event}\t{order}\t{amount}\t{within}\t{balance}"
        );
        line.expect("invariant: a text takes every line");
    }

    fn read(text: &str, digits: u32) -> Option<Self> {
        let mut fields = text.split('\t');
        let mut field = || fields.next();
        let money = |text: &str| amount(text).filter(|found| found.1 == digits).map(|found| found.0);
        let line = Self {
            number: number(field()?)?,
            day: field()?.to_owned(),
            booked_at: field()?.to_owned(),
            occurred_at: field()?.to_owned(),
            position: number(field()?)?,
            event: field()?.to_owned(),
            order: Some(field()?).filter(|order| !order.is_empty()).map(str::to_owned),
            amount: money(field()?)?,
            within: money(field()?)?,
            balance: money(field()?)?,
        };
        fields.next().is_none().then_some(line)
    }
}

impl Chapter {
    /// The name of its file.
    #[must_use]
    pub fn file_name(&self) -> String {
        file_name(&self.currency, &self.month)
    }

    /// Its file: a line for each line, behind one that names the columns.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{COLUMNS}\n");
        for line in &self.lines {
            line.write(self.digits, &mut text);
            text.push('\n');
        }
        text
    }

    /// What is sealed of it.
    #[must_use]
    pub fn record(&self) -> Record {
        let (mut tree, mut text) = (Tree::default(), String::new());
        for line in &self.lines {
            text.clear();
            line.write(self.digits, &mut text);
            tree.push(leaf(text.as_bytes()), |_| {});
        }
        Record {
            currency: self.currency.clone(),
            month: self.month.clone(),
            digits: self.digits,
            lines: self.lines.len() as u64,
            opening: self.opening,
            closing: self.closing(),
            root: tree.root(),
        }
    }

    /// The balance after its last line, minor units.
    #[must_use]
    pub fn closing(&self) -> i64 {
        self.lines.last().map_or(self.opening, |line| line.balance)
    }

    /// Reads the file of a chapter of which the record is known, and holds it to that.
    pub(super) fn read(record: &Record, text: &str) -> Result<Self, ProofError> {
        let name = file_name(&record.currency, &record.month);
        let broken = |line: usize, why: &str| ProofError::broken(format!("{name}, line {line}: {why}"));
        let Some(body) = text.strip_prefix(COLUMNS).and_then(|rest| rest.strip_prefix('\n')) else {
            return Err(broken(1, "it does not name the columns of a statement"));
        };
        let mut tree = Tree::default();
        let (mut lines, mut balance, mut day) = (Vec::new(), record.opening, String::new());
        for (at, row) in body.split_terminator('\n').enumerate() {
            let at = at + 2;
            let line =
                Line::read(row, record.digits).ok_or_else(|| broken(at, "it is no line of a statement"))?;
            if line.number != lines.len() as u64 + 1 {
                let why = format!("number {} stands where {} belongs", line.number, lines.len() + 1);
                return Err(broken(at, &why));
            }
            if line.number > record.lines {
                return Err(broken(at, &format!("{} lines were sealed, and this is one more", record.lines)));
            }
            let sum =
                balance.checked_add(line.amount).ok_or_else(|| broken(at, "the balance is too large"))?;
            if sum != line.balance {
                let [was, sum, said] =
                    [balance, sum, line.balance].map(|minor| decimal(minor, record.digits));
                let why = format!("after {was} the balance is {sum}, and the line says {said}");
                return Err(broken(at, &why));
            }
            if line.day.get(..7) != Some(&record.month) || !is_day(&line.day) || line.day < day {
                let why = format!("{:?} is no day of the month that goes on from the line before", line.day);
                return Err(broken(at, &why));
            }
            balance = sum;
            day.clone_from(&line.day);
            tree.push(leaf(row.as_bytes()), |_| {});
            lines.push(line);
        }
        if !body.is_empty() && !body.ends_with('\n') {
            return Err(broken(lines.len() + 1, "its end is cut off"));
        }
        let broken = |why: String| ProofError::broken(format!("{name}: {why}"));
        if lines.len() as u64 != record.lines {
            let why = format!(
                "it has {} lines, and {} were sealed: some are missing or added",
                lines.len(),
                record.lines
            );
            return Err(broken(why));
        }
        if balance != record.closing {
            let [found, sealed] = [balance, record.closing].map(|minor| decimal(minor, record.digits));
            return Err(broken(format!("it ends with a balance of {found}, and {sealed} was sealed")));
        }
        if tree.root() != record.root {
            return Err(broken(
                "its lines are not those that were sealed: one of them was changed".to_owned(),
            ));
        }
        let Record { currency, month, digits, opening, .. } = record.clone();
        Ok(Self { currency, month, digits, opening, lines })
    }
}

/// Where the lines of a currency and month stand.
pub(super) fn file_name(currency: &str, month: &str) -> String {
    format!("lines/{currency}/{month}.tsv")
}

impl MerchantLeaf {
    /// Its text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{LEAF}\nmerchant {}\n", self.merchant);
        for record in &self.records {
            let Record { currency, month, digits, lines, opening, closing, root } = record;
            let [opening, closing] = [*opening, *closing].map(|minor| decimal(minor, *digits));
            let line = writeln!(text, "{currency} {month} {lines} {opening} {closing} {root}");
            line.expect("invariant: a text takes every line");
        }
        text
    }

    /// The hash of its text: what the seal's tree holds of it.
    #[must_use]
    pub fn hash(&self) -> Hash {
        keyed::content(&self.to_text())
    }

    /// Reads its text.
    ///
    /// # Errors
    /// [`ProofError::Malformed`] for anything but what [`to_text`](Self::to_text) gives.
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        let bad = || ProofError::malformed("what was sealed of a merchant", "it is not as it is written");
        let mut lines = text.lines();
        let (head, merchant) = (lines.next(), lines.next().and_then(|line| line.strip_prefix("merchant ")));
        let (Some(LEAF), Some(merchant)) = (head, merchant) else { return Err(bad()) };
        let records: Option<Vec<Record>> = lines.map(record).collect();
        let leaf = Self { merchant: merchant.to_owned(), records: records.ok_or_else(bad)? };
        let place = |record: &Record| (record.currency.clone(), record.month.clone());
        let sorted = leaf.records.windows(2).all(|two| place(&two[0]) < place(&two[1]));
        if sorted && !leaf.records.is_empty() && leaf.to_text() == text { Ok(leaf) } else { Err(bad()) }
    }
}

fn record(line: &str) -> Option<Record> {
    let fields: Vec<&str> = line.split(' ').collect();
    let [currency, month, lines, opening, closing, root] = fields[..] else { return None };
    let ((opening, digits), (closing, same)) = (amount(opening)?, amount(closing)?);
    if digits != same || !is_month(month) || !is_currency(currency) {
        return None;
    }
    let (lines, root) = (number(lines)?, Hash::parse_hash(root).ok()?);
    if lines == 0 && (opening != closing || opening == 0 || root != EMPTY_HASH) {
        return None;
    }
    let (currency, month) = (currency.to_owned(), month.to_owned());
    Some(Record { currency, month, digits, lines, opening, closing, root })
}
