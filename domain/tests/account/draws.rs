//! What a payout draws on: first in, first out, whatever ways the money went.

use daybook_domain::account::draws::{BackFrom, Draws, Part, Source, Way};

use crate::support::{cny, currency, id, usd};
use crate::*;

/// The parts of a history of events.
fn parts_of(events: impl IntoIterator<Item = daybook_domain::Event>) -> Draws {
    let mut draws = Draws::default();
    events.into_iter().for_each(|event| draws.evolve(&event));
    draws
}

fn closed(name: &str, total: i64, reserve: i64, taken: i64) -> daybook_domain::Event {
    let zero = cny(0);
    SettlementClosed {
        settlement: id(name),
        until: at("2018-03-01T00:00:00Z"),
        through: 1,
        currency: currency("CNY"),
        carried_in: zero,
        gross: cny(total),
        refunds: zero,
        commission: zero,
        fees: zero,
        rewards: zero,
        penalties: zero,
        chargebacks: zero,
        adjustments: zero,
        total: cny(total),
        held_as_reserve: cny(reserve),
        taken_from_available: cny(taken),
        carried_out: cny((total + taken).min(0)),
        orders: 1,
        lines: 1,
        digest: id("9f86d081"),
        reserve_until: None,
    }
    .into()
}

fn requested(name: &str, amount: i64) -> daybook_domain::Event {
    PayoutRequested { payout: id(name), amount: cny(amount), destination_ref: id("iban-1") }.into()
}

fn came_back(name: &str, amount: Money) -> daybook_domain::Event {
    PayoutReturned {
        payout: id(name),
        amount,
        bank: id("icbc"),
        destination_ref: id("iban-1"),
        reason: "closed".to_owned(),
    }
    .into()
}

fn part(settlement: &str, way: Way, back_from: Option<BackFrom>, amount: i64) -> Part {
    Part { source: Source::Settlement(id(settlement)), way, back_from, amount: cny(amount) }
}

#[test]
fn the_first_to_become_available_is_paid_out_first() {
    let draws = parts_of([
        closed("s1", 100, 10, 0),
        closed("s2", 50, 0, 0),
        requested("p1", 30),
        ReserveReleased { settlement: id("s1"), amount: cny(10) }.into(),
        requested("p2", 115),
    ]);
    let drawn = draws.payout(id("p2")).expect("it was requested");
    assert_eq!(
        drawn.parts,
        [
            part("s1", Way::Settled, None, 60),
            part("s2", Way::Settled, None, 50),
            part("s1", Way::ReserveReleased, None, 5),
        ]
    );
    assert_eq!(draws.payout(id("p1")).map(|drawn| drawn.missing), Some(0));
    let left: Vec<_> = draws.available(currency("CNY")).copied().collect();
    assert_eq!(left, [part("s1", Way::ReserveReleased, None, 5)]);
}

#[test]
fn what_was_held_or_came_back_leads_to_its_settlement_and_says_from_where_it_came() {
    let hold = Some(BackFrom::Hold(id("h1")));
    let draws = parts_of([
        closed("s1", 100, 0, 0),
        BalanceHeld { hold: id("h1"), amount: cny(40), reason: "d".to_owned(), claimed: None, dispute: None }
            .into(),
        BalanceHoldSpent { hold: id("h1"), amount: cny(5) }.into(),
        BalanceHoldLifted { hold: id("h1"), amount: cny(35) }.into(),
        requested("p1", 95),
        came_back("p1", cny(95)),
        // a debt takes from the front what it collects
        closed("s2", -20, 0, 20),
        requested("p2", 75),
    ]);
    assert_eq!(
        draws.payout(id("p1")).expect("requested").parts,
        [part("s1", Way::Settled, None, 60), part("s1", Way::HoldLifted, hold, 35)]
    );
    let payout = Some(BackFrom::Payout(id("p1")));
    assert_eq!(
        draws.payout(id("p2")).expect("requested").parts,
        [part("s1", Way::PayoutReturned, payout, 40), part("s1", Way::PayoutReturned, payout, 35)]
    );
    assert_eq!(draws.available(currency("CNY")).count(), 0);
}

#[test]
fn a_converted_payout_that_comes_back_is_a_source_of_its_own_currency() {
    let converted = PayoutConverted {
        payout: id("p1"),
        from: cny(70),
        to: usd(10),
        rate: "0.142857".parse().expect("a rate"),
        rate_ref: id("desk"),
        spread: cny(0),
    };
    let mut events =
        vec![closed("s1", 70, 0, 0), requested("p1", 70), converted.into(), came_back("p1", usd(10))];
    events.push(PayoutRequested { payout: id("p2"), amount: usd(10), destination_ref: id("iban-2") }.into());
    let draws = parts_of(events);
    let drawn = draws.payout(id("p2")).expect("requested");
    assert_eq!(drawn.missing, 0);
    assert_eq!(drawn.parts[0].source, Source::Converted(id("p1")));
    assert_eq!(drawn.parts[0].amount, usd(10));
}

#[test]
fn what_was_never_available_is_missing_and_not_made_up() {
    let draws = parts_of([closed("s1", 10, 0, 0), requested("p1", 15)]);
    let drawn = draws.payout(id("p1")).expect("requested");
    assert_eq!((drawn.parts.len(), drawn.missing), (1, 5));
}
