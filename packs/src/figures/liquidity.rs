//! What the merchant has with the market, day by day, and how long its money takes.

use std::collections::{BTreeMap, HashMap};

use daybook_domain::{Currency, Money, Timestamp};

use super::Out;
use super::months::{Balances, Months, OPENING};
use super::scope::Scope;
use crate::estimates::survived;
use crate::numbers::{days, decimals, money, money_each, rank, ratio};
use crate::{Movement, PackError};

pub fn tell(scope: &Scope<'_>, months: &Months, out: &mut Out) -> Result<(), PackError> {
    balances(scope, months, out);
    waiting(scope, out)?;
    payouts(scope, out);
    Ok(())
}

fn balances(scope: &Scope<'_>, months: &Months, out: &mut Out) {
    let mut changes = vec![0i128; scope.days()];
    for (movement, day) in scope.movements() {
        let mut change = Balances::default();
        change.add(movement);
        changes[day.map_or(0, |day| scope.day(day))] += change.balance();
    }
    let mut so_far = 0;
    let mut closings: Vec<i128> = changes
        .iter()
        .map(|change| {
            so_far += change;
            so_far
        })
        .collect();
    closings.drain(..closings.len().saturating_sub(scope.measured()));
    closings.sort_unstable();
    let amount = |minor: i128| money(minor, scope.currency());
    out.figure("liquidity.min", closings.first().copied().map(amount));
    let sum = closings.iter().sum();
    out.figure("liquidity.mean", money_each(sum, closings.len() as i128, scope.currency()));
    out.figure("liquidity.p5", rank(&closings, 5).map(amount));
    out.count("liquidity.negative_days", closings.iter().filter(|closing| **closing < 0).count());
    let required = deposit_required(scope);
    out.figure("liquidity.deposit_required", required.map(amount));
    out.figure("liquidity.deposit_cover", required.and_then(|of| ratio(months.all.closing.deposit, of)));
}

fn deposit_required(scope: &Scope<'_>) -> Option<i128> {
    let last = scope.facts.standing.iter().rev().find(|row| row.what == "deposit_required")?;
    let (amount, code) = last.value.split_once(' ')?;
    let currency = Currency::new(code).ok().filter(|currency| *currency == scope.currency())?;
    Money::parse(amount, currency).ok().map(|money| i128::from(money.minor))
}

/// What became available at once.
struct Arrived {
    at: Option<Timestamp>,
    left: i128,
}

fn waiting(scope: &Scope<'_>, out: &mut Out) -> Result<(), PackError> {
    let settlements: HashMap<&str, Timestamp> = scope
        .facts
        .account
        .iter()
        .filter(|movement| movement.event == "SettlementClosed")
        .filter_map(|movement| Some((movement.reference.as_deref()?, movement.at)))
        .collect();
    let mut available: HashMap<usize, Timestamp> = HashMap::new();
    for movement in scope.facts.account.iter().filter(|movement| movement.about.as_deref() == Some("release"))
    {
        let Some(place) = movement.order.as_deref().and_then(|order| scope.known(order)) else { continue };
        if let Some(at) = movement.settlement.as_deref().and_then(|id| settlements.get(id)) {
            let last = available.entry(place).or_insert(*at);
            *last = (*last).max(*at);
        }
    }
    let end = scope.end();
    let mut waits: Vec<(i64, bool)> = Vec::new();
    for (place, order, _) in scope.paid() {
        let Some(paid) = order.paid_at else { continue };
        match available.get(&place) {
            Some(at) => waits.push((at.0.saturating_sub(paid.0), true)),
            // what went back whole never becomes available
            None if order.cancelled_at.is_some() || scope.back[place] >= order.paid.0 => {}
            None => waits.push((end.0.saturating_sub(paid.0), false)),
        }
    }
    waits.sort_unstable_by_key(|(wait, over)| (*wait, !over));
    let told = |micros: Option<i64>| micros.and_then(|micros| days(i128::from(micros)));
    out.count("orders.unsettled", waits.iter().filter(|(_, over)| !over).count());
    out.figure("days.to_available", told(survived(&waits, 50)));
    out.figure("days.to_available_p95", told(survived(&waits, 95)));
    out.figure("days.to_paid_out", to_paid_out(&scope.facts.account)?);
    Ok(())
}

/// What became available, by when, those that did so first in front: of one time it is one part, since all of it has waited as long.
type Parts = BTreeMap<Option<Timestamp>, i128>;

/// What became available, where it stands now.
#[derive(Default)]
struct Queues<'f> {
    free: Parts,
    held: Parts,
    asked: HashMap<&'f str, Vec<Arrived>>,
    /// What was paid out, and when.
    paid: HashMap<&'f str, (Timestamp, Vec<Arrived>)>,
    /// Days waited by what was paid out, times its amount, and that amount.
    waited: i128,
    amount: i128,
}

/// The mean wait of what became available until it was paid out, by amount: what came first goes first. What is held, or comes
/// back from a bank, has waited all the while.
fn to_paid_out(account: &[Movement]) -> Result<Option<String>, PackError> {
    let mut queues = Queues::default();
    let beyond = || PackError::Overflow("how long payouts took, by their amounts,");
    account.iter().try_for_each(|movement| queues.see(movement)).ok_or_else(beyond)?;
    mean(queues.waited, queues.amount).ok_or_else(beyond)
}

/// Days waited by each part of an amount; no days of no amount, and none at all where that is beyond what can be reckoned in.
fn mean(waited: i128, amount: i128) -> Option<Option<String>> {
    let days = amount.checked_mul(i128::from(daybook_domain::time::DAY) / MILLIS)?;
    if days <= 0 { Some(None) } else { decimals(waited, days, 1).map(Some) }
}

impl<'f> Queues<'f> {
    /// Takes a row; none where its waits are beyond what can be reckoned in.
    fn see(&mut self, movement: &'f Movement) -> Option<()> {
        let (change, held) = (i128::from(movement.available.0), i128::from(movement.held.0));
        let payout = movement.reference.as_deref().unwrap_or_default();
        match movement.event.as_str() {
            "PayoutRequested" => {
                let parts = take(&mut self.free, -change);
                self.asked.insert(payout, parts);
            }
            "PayoutConfirmed" => {
                let parts = self.asked.remove(payout).unwrap_or_default();
                self.count(&parts, movement.at, 1)?;
                self.paid.insert(payout, (movement.at, parts));
            }
            // as if it had never been asked for; what is another currency's now does not come back to this one's
            "PayoutFailed" => {
                let parts = self.asked.remove(payout).unwrap_or_default();
                if movement.converted.is_none() {
                    put(&mut self.free, parts);
                }
            }
            "PayoutReturned" => {
                let (at, parts) = self.paid.remove(payout).unwrap_or((movement.at, Vec::new()));
                self.count(&parts, at, -1)?;
                if movement.converted.is_none() {
                    // of what was paid before the first day it is not known since when
                    let known: i128 = parts.iter().map(|part| part.left).sum();
                    put(&mut self.free, parts);
                    put(&mut self.free, vec![Arrived { at: None, left: change - known }]);
                }
            }
            "BalanceHeld" => {
                let parts = take(&mut self.free, -change);
                put(&mut self.held, parts);
            }
            "BalanceHoldLifted" => {
                let parts = take(&mut self.held, change);
                put(&mut self.free, parts);
            }
            _ => {
                let at = (movement.event != OPENING).then_some(movement.at);
                for (parts, change) in [(&mut self.free, change), (&mut self.held, held)] {
                    if change > 0 {
                        put(parts, vec![Arrived { at, left: change }]);
                    } else {
                        take(parts, -change);
                    }
                }
            }
        }
        Some(())
    }

    /// Counts what parts have waited, or takes it off again where the money came back.
    fn count(&mut self, parts: &[Arrived], until: Timestamp, sign: i128) -> Option<()> {
        for part in parts {
            if let Some(at) = part.at {
                let waited = ((i128::from(until.0) - i128::from(at.0)) / MILLIS).checked_mul(part.left)?;
                self.waited = self.waited.checked_add(sign * waited)?;
                self.amount = self.amount.checked_add(sign * part.left)?;
            }
        }
        Some(())
    }
}

/// Puts parts where their time puts them.
fn put(to: &mut Parts, parts: Vec<Arrived>) {
    for part in parts.into_iter().filter(|part| part.left > 0) {
        *to.entry(part.at).or_default() += part.left;
    }
}

/// Waits are counted in thousandths of a second, so that amounts of 64 bits fit beside them.
const MILLIS: i128 = 1_000;

/// Takes what came first.
fn take(queue: &mut Parts, mut amount: i128) -> Vec<Arrived> {
    let mut taken = Vec::new();
    while amount > 0
        && let Some(mut first) = queue.first_entry()
    {
        let part = (*first.get()).min(amount);
        taken.push(Arrived { at: *first.key(), left: part });
        amount -= part;
        *first.get_mut() -= part;
        if *first.get() == 0 {
            first.remove();
        }
    }
    taken
}

fn payouts(scope: &Scope<'_>, out: &mut Out) {
    let (mut counts, mut amounts) = ([0usize; 4], [0i128; 4]);
    // of each payout that was asked for within: what is left of it, and whether it came to an end
    let mut left: BTreeMap<&str, (i128, bool)> = BTreeMap::new();
    for movement in &scope.facts.account {
        let transit = i128::from(movement.in_transit.0);
        let payout = movement.reference.as_deref().unwrap_or_default();
        let converted = movement.converted.map(|of| i128::from(of.0));
        let (at, amount) = match movement.event.as_str() {
            "PayoutRequested" => {
                left.insert(payout, (transit, false));
                (Some(0), transit)
            }
            "PayoutConfirmed" => (Some(1), converted.unwrap_or(-transit)),
            "PayoutFailed" => (Some(2), converted.unwrap_or(-transit)),
            "PayoutReturned" => (Some(3), converted.unwrap_or_else(|| movement.available.0.into())),
            "PayoutConverted" => (None, 0),
            _ => continue,
        };
        if at != Some(0)
            && let Some((rest, ended)) = left.get_mut(payout)
        {
            *rest += transit;
            *ended = true;
        }
        if let Some(at) = at {
            counts[at] += 1;
            amounts[at] += amount;
        }
    }
    let amount = |minor: i128| money(minor, scope.currency());
    out.count("payouts.requested", counts[0]);
    out.figure("payouts.requested_amount", amount(amounts[0]));
    out.count("payouts.confirmed", counts[1]);
    out.count("payouts.failed", counts[2]);
    out.figure("payouts.failed_amount", amount(amounts[2]));
    out.count("payouts.returned", counts[3]);
    out.figure("payouts.returned_amount", amount(amounts[3]));
    let residual = left.values().filter(|(_, ended)| *ended).map(|(rest, _)| rest.abs()).sum();
    out.figure("payouts.residual", amount(residual));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_of_more_money_than_can_be_reckoned_in_are_told_apart_from_those_that_can() {
        let waited = |left| {
            let mut queues = Queues::default();
            let told = queues.count(&[Arrived { at: Some(Timestamp(0)), left }], Timestamp(20_000), 1);
            told.map(|()| (queues.waited, queues.amount))
        };
        assert_eq!(waited(5), Some((100, 5)));
        assert_eq!(waited(i128::MAX / 10), None);
        let mut queues = Queues { waited: i128::MAX - 50, ..Queues::default() };
        assert_eq!(queues.count(&[Arrived { at: Some(Timestamp(0)), left: 5 }], Timestamp(20_000), 1), None);
    }

    #[test]
    fn a_mean_wait_that_cannot_be_reckoned_is_not_told_as_that_of_nothing() {
        let day = i128::from(daybook_domain::time::DAY) / MILLIS;
        assert_eq!(mean(3 * day, 2), Some(Some("1.5".to_owned())));
        assert_eq!(mean(0, 0), Some(None));
        // a tenth of the most is told with a decimal, and more is not
        assert!(mean(i128::MAX / 10, 1).is_some());
        for waited in [i128::MAX / 10 + 1, i128::MAX] {
            assert_eq!(mean(waited, 1), None);
        }
        assert_eq!(mean(1, i128::MAX / 1_000), None);
    }
}
