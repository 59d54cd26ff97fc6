//! When a merchant's money is settled and paid out, by its contract and by another.
//!
//! Beside the books: the lines of each day are settled by the cycle's own rule and the account's own decider, and what is available
//! is paid out on the day of its settlement, if it reaches the minimum. Both contracts are reckoned alike, from what was booked, so that their
//! difference is the cycle's alone; a run that was made late, or by hand, is in neither.

use std::collections::BTreeMap;

use ahash::RandomState;
use chrono::NaiveDate;
use daybook_domain::account::MerchantAccount;
use daybook_domain::account::commands::AccountCommand;
use daybook_domain::account::lines::{Bounds, Line, OpenLines, figures, is_line};
use daybook_domain::merchant::Merchant;
use daybook_domain::posting::Entry;
use daybook_domain::{
    Aggregate, Currency, Event, EventKind, Facts, MerchantFacts, MerchantId, Money, PayoutId, Reference,
    SettlementId, Timestamp,
};
use hashbrown::HashMap;

use super::WhatIfError;
use super::books::{Both, Which};
use super::fees::decide;
use crate::Calendar;
use crate::settlement::cycle::last_due;

/// What was booked for a merchant on a day, by business days.
pub(super) type Booked = BTreeMap<NaiveDate, Both>;

/// What was booked for merchants, by business days.
#[derive(Default)]
pub(super) struct Days(HashMap<(MerchantId, Currency), Booked, RandomState>);

impl Days {
    pub(super) fn book(
        &mut self,
        calendar: Calendar,
        which: Which,
        event: EventKind,
        booked_at: Timestamp,
        entries: &[Entry<'_>],
    ) {
        for entry in entries.iter().filter(|entry| is_line(event, entry)) {
            let Ok(merchant) = entry.account.dimension.parse() else { continue };
            let of = self.0.entry((merchant, entry.amount.currency)).or_default();
            of.entry(calendar.day(booked_at)).or_default().add(which, entry.amount.minor.saturating_neg());
        }
    }

    pub(super) fn of(&self, merchant: MerchantId, currency: Currency) -> Option<&Booked> {
        self.0.get(&(merchant, currency))
    }
}

/// How a merchant's money is settled and paid out by a contract, up to a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Settlements.
    pub settlements: u64,
    /// Payouts.
    pub payouts: u64,
    /// What they came to.
    pub paid_out: Money,
    /// What was booked and not settled by the day's end; below zero a debt.
    pub unsettled: Money,
    /// The money that stood with the market at the end of each day, not paid out yet, added up over all days: minor units
    /// times days. Divided by what was booked it is how many days a unit waited on average.
    pub waited: i128,
    /// What was booked, all days together, minor units.
    pub booked: i128,
}

/// Runs a contract over what was booked.
pub(super) fn run(
    contract: &Merchant,
    (id, currency): (MerchantId, Currency),
    booked: &BTreeMap<NaiveDate, i64>,
    calendar: Calendar,
    until: NaiveDate,
) -> Result<Timing, WhatIfError> {
    let mut runs = Runs {
        contract,
        calendar,
        currency,
        account: MerchantAccount::named(id.as_str()),
        lines: OpenLines::default(),
        settled: Timestamp(i64::MIN),
        numbers: 0,
        reserves: BTreeMap::new(),
        timing: Timing {
            settlements: 0,
            payouts: 0,
            paid_out: Money::zero(currency),
            unsettled: Money::zero(currency),
            waited: 0,
            booked: 0,
        },
    };
    let Some(first) = booked.keys().next().copied() else { return Ok(runs.timing) };
    let mut standing = 0_i128;
    for day in first.iter_days().take_while(|day| *day <= until) {
        let paid = runs.timing.paid_out.minor;
        runs.begin(day)?;
        let paid = runs.timing.paid_out.minor - paid;
        let today = booked.get(&day).copied().unwrap_or(0);
        if today != 0 {
            let at = calendar.start_of(day);
            runs.lines.push(Line {
                number: 0,
                amount: Money::new(today, currency),
                // which rule booked it is all one to a cycle
                event: EventKind::AdjustmentApproved,
                occurred_at: at,
                booked_at: at,
                order: None,
            });
        }
        standing += i128::from(today) - i128::from(paid);
        runs.timing.booked += i128::from(today);
        runs.timing.waited += standing;
    }
    let open = runs.lines.lines().iter().try_fold(runs.account.carried(currency), |sum, l| sum.add(l.amount));
    runs.timing.unsettled = open.map_err(|error| WhatIfError::Refused(error.to_string()))?;
    Ok(runs.timing)
}

struct Runs<'c> {
    contract: &'c Merchant,
    calendar: Calendar,
    currency: Currency,
    account: MerchantAccount,
    lines: OpenLines,
    /// Settled is what was booked before this.
    settled: Timestamp,
    /// Settlements and payouts so far: their names.
    numbers: u64,
    /// Reserves by when they are due.
    reserves: BTreeMap<Timestamp, Vec<SettlementId>>,
    timing: Timing,
}

impl Runs<'_> {
    /// What is done as a business day begins.
    fn begin(&mut self, day: NaiveDate) -> Result<(), WhatIfError> {
        let at = self.calendar.start_of(day);
        let Some(schedule) = self.contract.schedule_at(at) else { return Ok(()) };
        // what the contract says, of a merchant in good standing: whether it was suspended that day is not asked
        let standing = MerchantFacts {
            open: true,
            suspended_for: None,
            terminated_at: None,
            schedule: Some(schedule.clone()),
        };
        let facts = Facts { merchant: Some(standing), ..Facts::default() };
        let later = self.reserves.split_off(&at.plus(1));
        for settlement in std::mem::replace(&mut self.reserves, later).into_values().flatten() {
            self.ask(&AccountCommand::ReleaseReserve { settlement }, &facts, at)?;
        }
        let until = self.calendar.start_of(last_due(&schedule.settlement, day).until);
        if until <= self.settled {
            return Ok(());
        }
        self.settled = until;
        let bounds = Bounds { until, through: self.lines.count() };
        let lines = self.lines.take(self.currency, bounds);
        let carried = self.account.carried(self.currency);
        if lines.is_empty() && (carried.is_zero() || self.account.available(self.currency).minor <= 0) {
            return Ok(());
        }
        self.numbers += 1;
        let settlement = SettlementId::new(&format!("s{}", self.numbers))
            .expect("invariant: a letter and a number are an id");
        let figures = figures(settlement, bounds, carried, &lines)
            .map_err(|error| WhatIfError::Refused(error.to_string()))?;
        self.ask(&AccountCommand::CloseSettlement(figures), &facts, at)?;
        self.pay(schedule.settlement.minimum_payout, &facts, at)
    }

    fn pay(&mut self, minimum: Money, facts: &Facts, at: Timestamp) -> Result<(), WhatIfError> {
        let amount = self.account.available(self.currency);
        let enough = amount.minor > 0 && (minimum.currency != self.currency || amount.minor >= minimum.minor);
        if !enough {
            return Ok(());
        }
        let payout =
            PayoutId::new(&format!("p{}", self.numbers)).expect("invariant: a letter and a number are an id");
        let destination_ref = Reference::new("what-if").expect("invariant: the word is a reference");
        self.ask(&AccountCommand::RequestPayout { payout, amount, destination_ref }, facts, at)
    }

    fn ask(&mut self, command: &AccountCommand, facts: &Facts, at: Timestamp) -> Result<(), WhatIfError> {
        for event in decide(&self.account, command, facts, at)? {
            self.account.evolve(&event, at);
            match &event {
                Event::SettlementClosed(closed) => {
                    self.timing.settlements += 1;
                    if let Some(due) = closed.reserve_until {
                        self.reserves.entry(due).or_default().push(closed.settlement);
                    }
                }
                Event::PayoutRequested(payout) => {
                    self.timing.payouts += 1;
                    self.timing.paid_out = self
                        .timing
                        .paid_out
                        .add(payout.amount)
                        .map_err(|error| WhatIfError::Refused(error.to_string()))?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}
