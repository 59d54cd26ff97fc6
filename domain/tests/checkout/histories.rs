//! Any history of commands: no cent lost, nothing below zero, state and books the same, nothing done twice.

use std::collections::BTreeMap;

use daybook_domain::checkout::commands::CheckoutCommand;
use daybook_domain::checkout::events::UnallocatedReason;
use daybook_domain::checkout::{Checkout, Phase};
use daybook_domain::{Aggregate, Currency, Event, OrderId, PaymentId};
use proptest::prelude::*;

use super::support::{Books, Scenario, currency, id, noon, usd};
use super::*;

fn any_command() -> impl Strategy<Value = CheckoutCommand> {
    let payment = || (0..5u8).prop_map(|n| format!("p{n}"));
    let order = || (1..5u8).prop_map(|n| format!("o{n}"));
    let case = || (0..3u8).prop_map(|n| format!("k{n}"));
    let minor = || prop_oneof![0..120i64, 1..20i64];
    prop_oneof![
        4 => (payment(), minor()).prop_map(|(p, m)| capture(&p, m)),
        1 => (payment(), minor(), 0..3u8).prop_map(|(p, m, r)| capture_money(&p, cny(m), &format!("ref-p{r}"))),
        1 => (payment(), minor()).prop_map(|(p, m)| capture_money(&p, usd(m), "ref-usd")),
        2 => (payment(), minor()).prop_map(|(p, m)| stored_value(&p, m)),
        1 => (payment(), minor()).prop_map(|(p, m)| authorise(&p, m)),
        1 => payment().prop_map(|p| CheckoutCommand::Void { payment: id(&p), reason: None }),
        1 => (payment(), minor()).prop_map(|(p, m)| reverse(&p, m)),
        1 => (order(), minor()).prop_map(|(o, m)| change_due(&o, m)),
        2 => minor().prop_map(accept_shortfall),
        2 => minor().prop_map(recognise),
        2 => order().prop_map(|o| return_allocation(&o)),
        2 => (payment(), minor()).prop_map(|(p, m)| refund(&p, m)),
        1 => Just(refund_all()),
        1 => Just(CheckoutCommand::Expire { due: noon().plus_days(1) }),
        1 => Just(cancel()),
        2 => (case(), payment(), minor(), 1..4u32).prop_map(|(k, p, m, r)| chargeback(&k, &p, m, r)),
        2 => (case(), 1..4u32).prop_map(|(k, r)| win(&k, r)),
        2 => (case(), 1..4u32).prop_map(|(k, r)| lose(&k, r)),
    ]
}

/// What the events alone say, summed as a read model would.
#[derive(Default)]
struct Told {
    unallocated: BTreeMap<(PaymentId, UnallocatedReason), i64>,
}

impl Told {
    fn fold(&mut self, events: &[Event]) {
        for event in events {
            if let Event::MoneyUnallocated(e) = event {
                let payment = e.payment.expect("a checkout names the payment");
                *self.unallocated.entry((payment, e.reason)).or_default() += e.amount.minor;
            }
        }
        self.unallocated.retain(|_, minor| *minor != 0);
    }
}

fn check(checkout: &Scenario<Checkout>, books: &Books, told: &Told) -> Result<(), TestCaseError> {
    let state = &checkout.state;
    for totals in state.totals() {
        prop_assert!(totals.balanced(), "{totals:?}");
        // no order takes its money in this test: what is reserved stands on the checkout's account
        let stands = totals.allocated.minor + totals.waiting.minor + totals.unallocated.minor;
        let account = -books.balance("Liabilities:Checkout:c1", totals.allocated.currency);
        prop_assert_eq!(stands, account);
    }
    let stands: BTreeMap<_, _> = state.unallocated().map(|(p, r, m)| ((p, r), m.minor)).collect();
    prop_assert_eq!(&stands, &told.unallocated);
    prop_assert!(stands.values().all(|minor| *minor > 0));
    let closed = matches!(state.phase(), Phase::Covered | Phase::Expired | Phase::Cancelled);
    let waiting = state.total().map_or(0, |t| t.waiting.minor);
    prop_assert!(!closed || waiting == 0, "{waiting} waits for a basket that is closed");
    covered(state)
}

/// Each order got what it asked, in money or shortfall, and each payment gave what its parts say.
fn covered(state: &Checkout) -> Result<(), TestCaseError> {
    let mut given: BTreeMap<PaymentId, i64> = BTreeMap::new();
    for basket in state.orders() {
        let Some(allocation) = &basket.allocation else { continue };
        let paid: i64 = allocation.parts.iter().map(|p| p.amount.minor).sum();
        prop_assert_eq!(paid + allocation.shortfall.minor, basket.buyer_pays.minor);
        prop_assert!(allocation.shortfall.minor >= 0);
        for part in &allocation.parts {
            prop_assert!(part.amount.minor > 0);
            *given.entry(part.payment).or_default() += part.amount.minor;
        }
    }
    for payment in state.payments() {
        let gave = given.get(&payment.payment).copied().unwrap_or(0);
        prop_assert!(gave <= payment.amount.minor);
    }
    let total = state.total().map_or(0, |t| t.allocated.minor);
    prop_assert_eq!(given.values().sum::<i64>(), total);
    Ok(())
}

proptest! {
    #[test]
    fn no_cent_is_lost_whatever_is_asked(
        asked in proptest::collection::vec(0..100i64, 0..5),
        commands in proptest::collection::vec(any_command(), 0..50),
        import in any::<bool>(),
    ) {
        let mut checkout = absent().on(noon());
        checkout.import = import;
        let mut books = Books::default();
        let mut told = Told::default();
        for command in std::iter::once(open(&asked)).chain(commands) {
            checkout.now = noon().plus_days(1);
            if matches!(command, CheckoutCommand::Open { .. }) {
                checkout.now = noon();
            }
            let before = checkout.state.clone();
            match checkout.ask(&command) {
                Ok(events) => {
                    books.book(&checkout.state, &events);
                    told.fold(&events);
                    let mut replayed = before;
                    events.iter().for_each(|e| replayed.evolve(e, checkout.now));
                    prop_assert_eq!(&replayed, &checkout.state);
                }
                Err(_) => prop_assert_eq!(&before, &checkout.state),
            }
            check(&checkout, &books, &told)?;
        }
    }

    #[test]
    fn a_provider_that_captured_is_always_heard(
        asked in proptest::collection::vec(0..100i64, 0..4),
        commands in proptest::collection::vec(any_command(), 0..30),
        minor in 1..500i64,
    ) {
        let mut checkout = absent().and(open(&asked)).on(noon().plus_days(1));
        commands.iter().for_each(|c| { let _ = checkout.ask(c); });
        let events = checkout.ask(&capture("new", minor));
        prop_assert!(events.is_ok_and(|events| !events.is_empty()));
    }

    #[test]
    fn captures_lost_chargebacks_and_returns_told_twice_change_nothing(
        asked in proptest::collection::vec(1..100i64, 1..4),
        commands in proptest::collection::vec(any_command(), 0..40),
    ) {
        let mut checkout = absent().and(open(&asked)).on(noon().plus_days(1));
        for command in commands {
            use CheckoutCommand as C;
            let once = checkout.ask(&command).is_ok();
            let repeats = matches!(command, C::Capture { .. } | C::UseStoredValue { .. } | C::Cancel { .. }
                | C::ReturnAllocation { .. } | C::ReceiveChargeback { .. } | C::WinChargeback { .. }
                | C::LoseChargeback { .. } | C::ChangeDue { .. } | C::Expire { .. });
            // a due of a basket that the first telling covered can no longer change, and need not
            if once && repeats {
                prop_assert_eq!(checkout.clone().ask(&command), Ok(Vec::new()), "{:?}", command);
            }
        }
    }
}

#[test]
fn the_basket_currency_comes_first_in_the_totals() {
    let state = basket(&[]).and(capture_money("p1", usd(5), "r")).and(capture("p2", 7)).state;
    let order: Vec<Currency> = state.totals().iter().map(|t| t.captured.currency).collect();
    assert_eq!(order, [currency("CNY"), currency("USD")]);
    assert_eq!(state.allocated(&id::<OrderId>("o1")), None);
}
