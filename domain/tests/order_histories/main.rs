//! Orders: whatever is asked in whatever order, the money adds up.

mod history;
#[path = "../support/mod.rs"]
mod support;
mod told;
mod unwound;
mod wishes;

use daybook_domain::order::DisputeStage;
use daybook_domain::order::commands::{OrderCommand as C, RefundOf};
use daybook_domain::order::events::*;
use history::History;
use proptest::prelude::*;
use support::sale::*;
use support::{cny, given, id};
use wishes::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn any_history_keeps_every_invariant_of_an_order(
        place in any_basket(),
        cuts in (0i64..101, 0i64..101, 0i64..101),
        commission in 0i64..10_000,
        balance in 0i64..6_000,
        deposit in 0i64..3_000,
        import in any::<bool>(),
        commands in proptest::collection::vec((any_command(), 0u32..4), 0..60),
    ) {
        let mut facts = merchant(balance, deposit);
        if let Some(schedule) = facts.merchant.as_mut().and_then(|m| m.schedule.as_mut()) {
            schedule.default_commission = rate(&format!("0.{commission:04}"));
        }
        let order = given("o1", []).knowing(facts);
        let mut history = History::of(order);
        history.order.import = import;
        prop_assert!(history.ask(&C::Place(place)));
        let pays = pay(&history.order, cuts);
        prop_assert!(history.ask(&pays));
        history.ask(&ship("s0", Some(vec![of("A", 1)])));
        for (command, days) in &commands {
            let command = history.aimed(command);
            history.ask(&command);
            history.order.now = history.order.now.plus_days(if *days == 3 { 4 } else { 0 });
        }
    }

    #[test]
    fn any_series_of_partial_refunds_telescopes_to_exactly_zero(
        place in any_basket(),
        cuts in (0i64..101, 0i64..101, 0i64..101),
        released in some_lines(),
        steps in proptest::collection::vec((any_refund(), any::<bool>()), 0..20),
    ) {
        let order = given("o1", []).knowing(merchant(0, 0)).importing();
        let mut history = History::of(order);
        prop_assert!(history.ask(&C::Place(place)));
        let pays = pay(&history.order, cuts);
        prop_assert!(history.ask(&pays));
        history.ask(&ship("s1", None));
        history.ask(&receive(released));
        for (nth, (of, in_escrow)) in steps.into_iter().enumerate() {
            let name = format!("r{nth}");
            let by = Bearer::Merchant;
            history.ask(&if in_escrow { refund_escrow(&name, of) } else { refund_released(&name, of, by) });
        }
        history.ask(&refund_escrow("all-escrow", RefundOf::All));
        history.ask(&refund_released("all-released", RefundOf::All, Bearer::Merchant));
        let (state, told) = (&history.order.state, &history.told);
        let zero = Some(cny(0));
        prop_assert_eq!((state.escrow(), state.to_merchant(), state.tax()), (zero, zero, zero));
        prop_assert_eq!((state.net_commission(), state.net_vat()), (zero, zero));
        prop_assert_eq!(told.to_buyer, told.paid);
        prop_assert_eq!(told.shortfall, 0);
        prop_assert!(told.subsidies.values().chain(told.payments.values()).all(|left| *left == 0));
        let expenses = history.books.0.iter().filter(|((name, _), _)| name.starts_with("Expenses:"));
        prop_assert!(expenses.map(|(_, left)| *left).all(|left| left == 0));
        prop_assert_eq!(history.books.balance("Liabilities:MerchantPending:m1", cny(0).currency), 0);
    }

    #[test]
    fn a_dispute_never_refunds_more_than_its_claim_whatever_was_refunded_meanwhile(
        claim in 1i64..11_500,
        meanwhile in proptest::collection::vec(any_refund(), 0..5),
        received in any::<bool>(),
        balance in 0i64..12_000,
        deposit in 0i64..12_000,
    ) {
        let order = given("o1", []).knowing(merchant(balance, deposit));
        let mut history = History::of(order);
        for command in [C::Place(basket()), fund(), ship("s1", None)] {
            prop_assert!(history.ask(&command));
        }
        if received {
            prop_assert!(history.ask(&receive(None)));
        }
        prop_assert!(history.ask(&dispute("d1", Some(cny(claim)), None)));
        let before = history.told.from_escrow;
        let mut since = -before;
        for (nth, of) in meanwhile.into_iter().enumerate() {
            let name = format!("r{nth}");
            history.ask(&refund_escrow(&name, of.clone()));
            history.ask(&refund_released(&name, of, Bearer::Merchant));
        }
        let refunded = history.order.state.refunded().map_or(0, |m| m.minor);
        since += refunded;
        history.order.now = day(3);
        let unanswered = C::RuleUnanswered { dispute: id("d1"), due: day(3) };
        prop_assert!(history.ask(&unanswered));
        let by_ruling = history.told.disputes.get("d1").copied().unwrap_or(0);
        let in_full = (claim - since).max(0).min(11_500 - refunded);
        // the market's own share leaves subsidies where they are, so its gross is what the buyer gets
        prop_assert!(by_ruling <= in_full, "{by_ruling} of {in_full}");
        if balance + deposit >= in_full {
            prop_assert_eq!(by_ruling, in_full);
        }
        let stage = history.order.state.disputes().iter().map(|d| d.stage).next();
        prop_assert_eq!(stage, Some(DisputeStage::Ruled));
    }
}
