//! Settlements: invariant 8, each derived again from the lines of the journal.

use std::collections::BTreeMap;

use daybook_domain::account::events::SettlementClosed;
use daybook_domain::{Currency, Event, MerchantId, Money, SettlementId, Timestamp};

use super::books::{Books, place};
use super::report::{Check, Report};
use super::{Group, Seen};

/// A posting to a merchant's pending balance that no settlement has taken yet.
struct Line {
    number: u64,
    booked_at: i64,
    /// Minor units in the merchant's favour.
    amount: i64,
}

#[derive(Default)]
struct Account {
    /// Lines so far.
    lines: u64,
    open: Vec<Line>,
    closed: Vec<SettlementId>,
    until: Timestamp,
    through: u64,
    /// What the last one carried out: zero, or below it what the merchant owes.
    carried: i64,
}

pub struct Settlements {
    accounts: BTreeMap<(MerchantId, Currency), Account>,
    /// Start of the first open period, microseconds.
    open_from: i64,
    check: Check,
}

impl Default for Settlements {
    fn default() -> Self {
        let check = Check::new(
            8,
            "a settlement derived again from the journal equals the one that was closed",
            "settlements",
        );
        Self { accounts: BTreeMap::new(), open_from: i64::MIN, check }
    }
}

impl Account {
    /// Takes the lines of a settlement; what is wrong with it.
    fn settle(&mut self, e: &SettlementClosed) -> Option<String> {
        let (taken, left): (Vec<Line>, Vec<Line>) = std::mem::take(&mut self.open)
            .into_iter()
            .partition(|line| line.number <= e.through && line.booked_at < e.until.0);
        self.open = left;
        let sum: i64 = taken.iter().map(|line| line.amount).sum();
        let figures = e.gross.minor - e.refunds.minor - e.commission.minor - e.fees.minor + e.rewards.minor
            - e.penalties.minor
            - e.chargebacks.minor
            + e.adjustments.minor;
        let money = |minor| Money::new(minor, e.currency);
        let mut wrong = Vec::new();
        let mut differ = |what: &str, derived: i64, closed: i64| {
            if derived != closed {
                wrong.push(format!("{what} is {}, derived {}", money(closed), money(derived)));
            }
        };
        differ("what was carried in", self.carried, e.carried_in.minor);
        differ("the sum of the figures", sum, figures);
        differ("the total", e.carried_in.minor + sum, e.total.minor);
        differ(
            "what was carried out",
            (-e.total.minor).max(0) - e.taken_from_available.minor,
            e.carried_out.minor,
        );
        if taken.len() as u64 != e.lines {
            wrong.push(format!("it has {} lines, derived {}", e.lines, taken.len()));
        }
        if self.closed.contains(&e.settlement) {
            wrong.push(format!("settlement {} was closed before", e.settlement));
        }
        if e.until < self.until || e.through < self.through {
            wrong.push("its cut lies before the last one".to_owned());
        }
        self.carried = e.carried_out.minor;
        self.closed.push(e.settlement);
        (self.until, self.through) = (e.until, e.through);
        (!wrong.is_empty()).then(|| wrong.join("; "))
    }
}

impl Group for Settlements {
    fn see(&mut self, seen: &Seen<'_>, _: &Books) {
        match seen.event {
            Event::PeriodClosed(e) => self.open_from = self.open_from.max(e.until.0),
            Event::PeriodReopened(e) => {
                self.open_from = e.closed_until.map_or(i64::MIN, |until| until.0);
            }
            Event::SettlementClosed(e) => {
                let Some(merchant) = seen.refs.merchant else { return };
                let wrong = self.accounts.entry((merchant, e.currency)).or_default().settle(e);
                self.check.look(|| place(seen.recorded), wrong);
            }
            _ => {
                let booked_at = seen.recorded.occurred_at.max(self.open_from);
                for entry in seen.entries.iter().filter(|entry| entry.account.name == "MerchantPending") {
                    let Ok(merchant) = entry.account.dimension.parse() else { continue };
                    let account = self.accounts.entry((merchant, entry.amount.currency)).or_default();
                    account.lines += 1;
                    let number = account.lines;
                    account.open.push(Line { number, booked_at, amount: -entry.amount.minor });
                }
            }
        }
    }

    fn finish(self: Box<Self>, _: &Books, report: &mut Report) {
        report.add(self.check);
    }
}
