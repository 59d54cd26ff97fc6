//! How large a market is said to be: the file that says it, and what it has to say.

use std::collections::{BTreeMap, HashSet};

use chrono::{Datelike as _, NaiveDate};
use serde::Deserialize;

use super::facts::{MarketSubject, Month, Size};
use crate::PackError;
use crate::cell::{Cell as _, Minor};

/// Longest source, characters.
const MOST_SOURCE: usize = 1_000;

/// A month as a file says it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stated {
    month: String,
    amount: String,
    currency: String,
    source: String,
}

impl Size {
    /// Reads a file that states the size, CSV (`month,amount,currency,source`) or a JSON list of objects with these members,
    /// amounts as texts. What it says of months that are not the pack's is left out.
    ///
    /// # Errors
    /// [`PackError::Malformed`] that names the file and what is wrong: a month twice, one that is missing, another
    /// currency, no source.
    pub fn read(name: &str, bytes: &[u8], subject: &MarketSubject) -> Result<Vec<Self>, PackError> {
        let bad = |why: String| PackError::malformed(name, why);
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let one = |of: Stated| -> Result<Self, PackError> {
            let Stated { month, amount, currency, source } = of;
            let read = Month::parse(&month).map_err(bad)?;
            // an amount of another currency is not read in this one
            let amount = if currency == subject.currency.as_str() {
                Minor::take(&amount, subject.currency)
                    .map_err(|why| bad(format!("{month}, amount: {why}")))?
            } else {
                Minor(1)
            };
            Ok(Self { month: read, amount, currency, source })
        };
        let all: Vec<Self> = if bytes.trim_ascii_start().starts_with(b"[") {
            let stated: Vec<Stated> =
                serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))?;
            stated.into_iter().map(one).collect::<Result<_, _>>()?
        } else {
            stated_rows(bytes)
                .map_err(|why| {
                    bad(format!(
                        "{why} (a CSV file with the columns month,amount,currency,source, or a JSON list of such objects)"
                    ))
                })?
                .into_iter()
                .map(one)
                .collect::<Result<_, _>>()?
        };
        let mut by_month = BTreeMap::new();
        for size in all {
            let month = size.month;
            if by_month.insert(month, size).is_some() {
                return Err(bad(format!("{month} stands in it twice: state each month once")));
            }
        }
        let within = Month::of(subject.from)..=Month::of(subject.to);
        let sizes: Vec<Self> = by_month.into_values().filter(|size| within.contains(&size.month)).collect();
        faults(&sizes, subject).map_or(Ok(sizes), |why| Err(bad(why)))
    }
}

/// What is wrong with the stated sizes of a pack's months.
pub(super) fn faults(sizes: &[Size], subject: &MarketSubject) -> Option<String> {
    for Size { month, amount, currency, source } in sizes {
        if currency != subject.currency.as_str() {
            return Some(format!(
                "{month} is stated in {currency}, and the pack's currency is {}: convert it, and say in source at which rate",
                subject.currency
            ));
        }
        if amount.0 <= 0 {
            return Some(format!("the amount of {month} is not above zero"));
        }
        if source.chars().count() > MOST_SOURCE {
            return Some(format!("the source of {month} has more than {MOST_SOURCE} characters"));
        }
        if source.chars().any(char::is_control) {
            return Some(format!("the source of {month} has characters that cannot be shown"));
        }
        if source.trim().is_empty() {
            return Some(format!("{month} names no source: say who states the size, and where"));
        }
    }
    let stated: HashSet<Month> = sizes.iter().map(|size| size.month).collect();
    let lacks = |month: &Month| !stated.contains(month);
    let missing: Vec<String> =
        subject.months().filter(|month| subject.full(*month)).filter(lacks).map(|m| m.to_string()).collect();
    if missing.is_empty() {
        return None;
    }
    Some(format!("it lacks {}: state every full month of the pack", missing.join(", ")))
}

/// Rows of a CSV file as somebody writes it: a text that a spreadsheet would reckon stands behind no quote there.
fn stated_rows(bytes: &[u8]) -> Result<Vec<Stated>, String> {
    let mut reader = csv::ReaderBuilder::new().from_reader(bytes);
    let columns = ["month", "amount", "currency", "source"];
    if reader.headers().map_err(|error| error.to_string())?.iter().ne(columns) {
        return Err(format!("its columns are not {}", columns.join(", ")));
    }
    reader.deserialize().map(|row| row.map_err(|error| error.to_string())).collect()
}

impl MarketSubject {
    /// The first day that is measured: the pack's first, or the market's where that is later.
    #[must_use]
    pub fn measured(&self) -> NaiveDate {
        self.from.max(self.began)
    }

    /// Whether all days of a month are measured.
    #[must_use]
    pub fn measured_full(&self, month: Month) -> bool {
        let from = self.measured();
        let begun = if from.day() == 1 { month >= Month::of(from) } else { month > Month::of(from) };
        begun && self.full(month)
    }

    /// The months that it tells of.
    pub fn months(&self) -> impl Iterator<Item = Month> + use<> {
        let (first, last) = (Month::of(self.from), Month::of(self.to));
        (0..=last.since(first)).map(move |n| first.plus(n))
    }

    /// Whether all days of a month are the pack's.
    #[must_use]
    pub fn full(&self, month: Month) -> bool {
        let ends = self.to.succ_opt().is_none_or(|next| next.day() == 1);
        (month > Month::of(self.from) || self.from.day() == 1) && (month < Month::of(self.to) || ends)
    }
}
