//! What the merchant has with the market, day by day, and how long its money takes.

use std::collections::{BTreeMap, HashMap, VecDeque};

use daybook_domain::{Currency, Money, Timestamp};

use super::Out;
use super::months::{Balances, Months, OPENING};
use super::scope::Scope;
use crate::Movement;
use crate::numbers::{days, decimals, money, money_each, rank, ratio};

pub fn tell(scope: &Scope<'_>, months: &Months, out: &mut Out) {
    balances(scope, months, out);
    waiting(scope, out);
    payouts(scope, out);
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

fn waiting(scope: &Scope<'_>, out: &mut Out) {
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
    let mut took: Vec<i64> = scope
        .paid()
        .filter_map(|(place, order, _)| Some(available.get(&place)?.0 - order.paid_at?.0))
        .collect();
    took.sort_unstable();
    let told = |micros: Option<i64>| micros.and_then(|micros| days(i128::from(micros)));
    out.figure("days.to_available", told(rank(&took, 50)));
    out.figure("days.to_available_p95", told(rank(&took, 95)));
    out.figure("days.to_paid_out", to_paid_out(&scope.facts.account));
}

/// The mean wait of what became available until it was paid out, by amount: what came first goes first.
fn to_paid_out(account: &[Movement]) -> Option<String> {
    let mut queue: VecDeque<Arrived> = VecDeque::new();
    let mut asked: HashMap<&str, Vec<Arrived>> = HashMap::new();
    let (mut waited, mut amount) = (0i128, 0i128);
    for movement in account {
        let change = i128::from(movement.available.0);
        let payout = movement.reference.as_deref().unwrap_or_default();
        match movement.event.as_str() {
            "PayoutRequested" => {
                asked.insert(payout, take(&mut queue, -change));
                continue;
            }
            "PayoutConfirmed" => {
                for part in asked.remove(payout).unwrap_or_default() {
                    if let Some(at) = part.at {
                        waited += i128::from(movement.at.0 - at.0) / MILLIS * part.left;
                        amount += part.left;
                    }
                }
                continue;
            }
            // as if it had never been asked for
            "PayoutFailed" => {
                for part in asked.remove(payout).unwrap_or_default().into_iter().rev() {
                    queue.push_front(part);
                }
                continue;
            }
            _ => {}
        }
        if change > 0 {
            let at = (movement.event != OPENING).then_some(movement.at);
            queue.push_back(Arrived { at, left: change });
        } else {
            take(&mut queue, -change);
        }
    }
    decimals(waited, amount * (i128::from(daybook_domain::time::DAY) / MILLIS), 1)
}

/// Waits are counted in thousandths of a second, so that amounts of 64 bits fit beside them.
const MILLIS: i128 = 1_000;

/// Takes what came first.
fn take(queue: &mut VecDeque<Arrived>, mut amount: i128) -> Vec<Arrived> {
    let mut taken = Vec::new();
    while amount > 0
        && let Some(first) = queue.front_mut()
    {
        let part = first.left.min(amount);
        taken.push(Arrived { at: first.at, left: part });
        first.left -= part;
        amount -= part;
        if first.left == 0 {
            queue.pop_front();
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
        let (at, amount) = match movement.event.as_str() {
            "PayoutRequested" => {
                left.insert(payout, (transit, false));
                (Some(0), transit)
            }
            "PayoutConfirmed" => (Some(1), -transit),
            "PayoutFailed" => (Some(2), -transit),
            "PayoutReturned" => (Some(3), i128::from(movement.available.0)),
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
