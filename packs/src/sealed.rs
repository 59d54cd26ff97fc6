//! The account's rows against what the closes of the books sealed of it: whether any is missing, added or changed.
//!
//! What a close sealed is proved elsewhere (`daybook-proofs`); here it is laid beside the rows, month by month. A sealed line says
//! when it is booked, its event, its order, by how much it changed what the merchant is owed, and how much it moved within that.
//! Which balances it took that from follows from its event (`moves.rs`), for every row.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use daybook_domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::numbers::{money, month_name, month_of};
use crate::{Facts, Movement};

/// Most faults that are told one by one.
const MOST_TOLD: usize = 10;

/// The months whose account rows a pack's statement proves, both of them among them: `2018-01`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedMonths {
    /// The first.
    pub from: String,
    /// The last.
    pub through: String,
}

/// A line that was sealed, in the pack's currency.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SealedLine {
    /// The month in which it is booked, `2018-01`.
    pub month: String,
    /// The market's business day on which it is booked.
    pub day: NaiveDate,
    /// When it is booked.
    pub booked_at: Timestamp,
    /// The event.
    pub event: String,
    /// The order.
    pub order: Option<String>,
    /// The change of what the merchant is owed, minor units.
    pub amount: i64,
    /// What it moved within that, minor units.
    pub within: i64,
}

/// What was sealed of a merchant in the pack's currency.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// Which months.
    pub months: SealedMonths,
    /// What the merchant was owed before the first, minor units: zero where the statement has no balance.
    pub opening: i64,
    /// Every line of these months.
    pub lines: Vec<SealedLine>,
    /// Of the lines in other currencies, when each is booked and its event.
    pub elsewhere: Vec<(Timestamp, String)>,
}

impl SealedLine {
    /// A row as it would be sealed; none where it changes nothing of what is owed (the deposit is no part of that).
    fn of(movement: &Movement, day: NaiveDate) -> Option<Self> {
        let parts =
            [movement.pending, movement.available, movement.held, movement.reserve, movement.in_transit]
                .map(|part| part.0);
        if parts == [0; 5] {
            return None;
        }
        let sum =
            |of: &dyn Fn(i64) -> i64| parts.iter().fold(0i64, |sum, part| sum.saturating_add(of(*part)));
        let amount = sum(&|part| part);
        Some(Self {
            month: month_name(month_of(day)),
            day,
            booked_at: movement.at,
            event: movement.event.clone(),
            order: movement.order.clone(),
            amount,
            within: sum(&|part| part.max(0)) - amount.max(0),
        })
    }
}

impl Facts {
    /// Holds the account's rows to what was sealed: each fault a sentence. Only rows of the sealed months are looked at, and the sum
    /// of those before them; of sealed days before the pack's first, the sum is held to its opening row.
    pub fn against(&self, sealed: &Sealed, wrong: &mut Vec<String>) {
        let Ok(zone) = self.zone() else { return };
        let subject = &self.subject;
        // how often each line stands in the pack, less how often it was sealed
        let mut lines: BTreeMap<SealedLine, i64> = BTreeMap::new();
        let mut ends: BTreeMap<(Timestamp, &str), i64> = BTreeMap::new();
        let mut before = 0i128;
        for movement in &self.account {
            let day = zone.day(movement.at);
            let month = month_name(month_of(day));
            let opening = movement.event == crate::OPENING;
            let within = !opening && sealed.months.from <= month && month <= sealed.months.through;
            if within && movement.converted.is_some() {
                *ends.entry((movement.at, &movement.event)).or_default() += 1;
            }
            let Some(line) = SealedLine::of(movement, day) else { continue };
            if opening || month < sealed.months.from {
                before += i128::from(line.amount);
            } else if within {
                *lines.entry(line).or_default() += 1;
            }
        }
        if let Some(line) = sealed.lines.iter().find(|line| zone.day(line.booked_at) != line.day) {
            wrong.push(format!(
                "the pack's time zone is not the market's: what is booked {} was sealed on {}, and is on {} by {}",
                line.booked_at,
                line.day,
                zone.day(line.booked_at),
                subject.time_zone
            ));
        }
        // what was sealed of the days before the pack's first is in its opening row, and so in none of its others
        let mut opening = i128::from(sealed.opening);
        for line in sealed.lines.iter().filter(|line| line.day <= subject.to) {
            if line.day < subject.from {
                opening += i128::from(line.amount);
            } else {
                *lines.entry(line.clone()).or_default() -= 1;
            }
        }
        // the end of a payout that left for another currency stands there
        for (at, event) in &sealed.elsewhere {
            if let Some(times) = ends.get_mut(&(*at, event.as_str())) {
                *times -= 1;
            }
        }
        for (at, event) in ends.iter().filter(|(_, times)| **times > 0).map(|(end, _)| end).take(MOST_TOLD) {
            wrong.push(format!(
                "account.csv has {event} of a payout in another currency, booked {at}: none was sealed there"
            ));
        }
        let amount = |minor: i128| money(minor, subject.currency);
        let apart: Vec<(SealedLine, i64)> = lines.into_iter().filter(|(_, times)| *times != 0).collect();
        for (line, times) in apart.iter().take(MOST_TOLD) {
            let SealedLine { booked_at, event, order, .. } = line;
            let order = order.as_ref().map_or_else(String::new, |order| format!(" of order {order}"));
            let what = format!("{event}{order}, booked {booked_at}, {}", amount(line.amount.into()));
            wrong.push(if *times < 0 {
                format!("account.csv lacks what was sealed in {}: {what}", line.month)
            } else {
                format!("account.csv has what was not sealed in {}: {what}", line.month)
            });
        }
        if apart.len() > MOST_TOLD {
            wrong
                .push(format!("and {} more lines that are not as they were sealed", apart.len() - MOST_TOLD));
        }
        if opening != before {
            let month = month_name(month_of(subject.from));
            let since = if sealed.months.from > month {
                sealed.months.from.clone()
            } else {
                subject.from.to_string()
            };
            wrong.push(format!(
                "account.csv comes to {} before {since}, and {} was sealed",
                amount(before),
                amount(opening)
            ));
        }
    }
}
