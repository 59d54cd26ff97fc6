//! The platform fees of periods that have ended, charged by a run before it settles.
//!
//! The schedule in force at a period's end says whether there is a fee, and how much; a period that had begun when the
//! store opened is charged in full, one within which the merchant agreed on no fee any more not at all. Where the
//! cycle changes within a period, each day is charged for once: the old cycle's period ends that day, the new one's
//! begins with it, each at its share of the fee by days. A change of the cycle that is agreed on after its day
//! leaves what was charged until then: what is then charged twice is waived by hand.

use chrono::NaiveDate;
use daybook_domain::account::MerchantAccount;
use daybook_domain::account::commands::AccountCommand;
use daybook_domain::merchant::Merchant;
use daybook_domain::merchant::events::{PlatformFee, SettlementCycle};
use daybook_domain::{Code, Money, Timestamp, allocate};

use super::cycle::period_of;
use super::run::Run;
use super::source::{Contracted, Source};
use crate::{Calendar, MarketError};

/// Fee periods looked back at, at most: ten years of days.
const PERIODS: usize = 3_660;

/// Days on end for which fees of one cycle were agreed, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Term {
    from: NaiveDate,
    /// The day after its last.
    until: NaiveDate,
    cycle: Option<SettlementCycle>,
}

/// A period to charge for, or what is left of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: Code,
    from: NaiveDate,
    /// The day after its last.
    pub(crate) until: NaiveDate,
    /// What is charged where it is not the whole fee.
    pub(crate) amount: Option<Money>,
}

fn fee_at(merchant: &Merchant, at: Timestamp) -> Option<&PlatformFee> {
    let fee = merchant.schedule_at(at).and_then(|schedule| schedule.platform_fee.as_ref());
    fee.filter(|fee| fee.amount.minor > 0)
}

/// What some days of a period bear of its fee.
fn share(fee: Money, days: i64, whole: i64) -> Money {
    let shares =
        allocate(fee.minor, &[days, whole - days]).expect("invariant: some days, and fewer than all");
    Money::new(shares[0], fee.currency)
}

/// The last instant of the day before.
pub(crate) fn before(calendar: Calendar, day: NaiveDate) -> Timestamp {
    calendar.start_of(day).plus(-1)
}

/// What was agreed on fees up to the day `until`: one cycle after the other. A day is the schedule's that is in force
/// as it ends.
fn terms(merchant: &Merchant, calendar: Calendar, until: NaiveDate) -> Vec<Term> {
    let mut days: Vec<NaiveDate> =
        merchant.schedules().iter().map(|schedule| calendar.day(schedule.effective_from)).collect();
    days.sort_unstable();
    days.dedup();
    days.retain(|day| *day < until);
    let ends = days.iter().skip(1).copied().chain([until]);
    let mut terms: Vec<Term> = Vec::new();
    for (from, until) in days.iter().copied().zip(ends) {
        let cycle = fee_at(merchant, calendar.end_of(from)).map(|fee| fee.period);
        match terms.last_mut().filter(|last| last.cycle == cycle) {
            Some(last) => last.until = until,
            None => terms.push(Term { from, until, cycle }),
        }
    }
    terms
}

/// The periods of all terms that ended after the store was opened, the last first.
fn parts(merchant: &Merchant, calendar: Calendar, opened_at: Timestamp, until: NaiveDate) -> Vec<Part> {
    let terms = terms(merchant, calendar, until);
    let mut parts = Vec::new();
    for (nth, term) in terms.iter().enumerate().rev() {
        let Some(cycle) = term.cycle else { continue };
        let other = |t: &&Term| t.cycle.is_some_and(|other| other != cycle);
        let taken = terms[..nth].iter().rev().find(other).map(|t| t.until);
        let replaced = terms.get(nth + 1).as_ref().is_some_and(other);
        let mut day = term.until;
        while day > term.from && before(calendar, day) >= opened_at && parts.len() < PERIODS {
            let Some(period) = day.pred_opt().and_then(|last| period_of(cycle, last)) else { break };
            day = period.from;
            let until = if replaced { period.until.min(term.until) } else { period.until };
            if until > term.until {
                continue;
            }
            let from = taken.map_or(period.from, |taken| taken.max(period.from));
            // the same cycle may have been agreed on before, in the same period
            let earlier = |t: &Term| t.cycle == Some(cycle) && t.until > period.from && t.until <= from;
            let name = match terms[..nth].iter().any(earlier) {
                true => Code::new(&format!("{}.from-{from}", period.name)).unwrap_or(period.name),
                false => period.name,
            };
            let Some(fee) = fee_at(merchant, before(calendar, until)) else { continue };
            let (days, whole) = ((until - from).num_days(), (period.until - period.from).num_days());
            let amount = (days < whole).then(|| share(fee.amount, days, whole));
            if amount.is_none_or(|amount| amount.minor > 0) {
                parts.push(Part { name, from, until, amount });
            }
        }
    }
    parts
}

/// What a merchant owes for the periods that ended by the day `until`, the last first, whether it was charged or not.
pub(crate) fn owed(
    merchant: &Merchant,
    calendar: Calendar,
    opened_at: Timestamp,
    until: NaiveDate,
) -> Vec<Part> {
    let left_at = merchant.facts(opened_at).terminated_at;
    let mut owed = parts(merchant, calendar, opened_at, until);
    owed.retain(|part| left_at.is_none_or(|left| left >= calendar.start_of(part.from)));
    owed
}

impl Run<'_> {
    /// Charges the platform fees of the periods that ended by the run's day, of merchants that were open by then and
    /// had not left before it began.
    pub(super) async fn charge_fees(&mut self, source: &mut dyn Source) -> Result<u64, MarketError> {
        let before = self.ran.fees;
        let mut after = None;
        loop {
            let contracted = source.contracted(after)?;
            let Some(last) = contracted.last() else { break };
            after = Some(last.merchant);
            let only = self.merchant;
            for merchant in contracted.into_iter().filter(|c| only.is_none_or(|only| only == c.merchant)) {
                self.charge_merchant(merchant).await?;
            }
        }
        self.write().await?;
        Ok(self.ran.fees - before)
    }

    async fn charge_merchant(&mut self, contracted: Contracted) -> Result<(), MarketError> {
        let (calendar, commands, until) = (self.calendar, &self.market.commands, self.cut.day());
        let Contracted { merchant, opened_at } = contracted;
        let owed = commands.look(merchant, |m: &Merchant| owed(m, calendar, opened_at, until))?;
        // one may have been charged by hand before those that came before it
        let charged = commands.look(merchant, |a: &MerchantAccount| {
            owed.iter().map(|part| a.platform_fee_charged(part.name)).collect::<Vec<_>>()
        })?;
        let owed = owed.into_iter().zip(charged).filter_map(|(part, charged)| (!charged).then_some(part));
        let owed: Vec<Part> = owed.collect();
        for Part { name, until, amount, .. } in owed.into_iter().rev() {
            let command = AccountCommand::ChargePlatformFee { period: name, amount };
            let end = before(calendar, until);
            self.ask(merchant, command, &format!("platform fee {merchant} {name}"), end).await?;
        }
        Ok(())
    }
}
