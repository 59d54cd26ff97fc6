//! Any order of partial refunds, disputes won and lost, appeals, commission reversals and deposit deductions, then a
//! full unwind: every party's net stays inside its bounds, and what is unwound ends at exactly zero.
//!
//! The merchant's balance and deposit shrink as rulings take from them. A merchant debited twice for one thing (by a
//! dispute and a refund) would come out of its sale below zero.

use daybook_domain::order::DisputeStage;
use daybook_domain::order::commands::{OrderCommand as C, RefundOf};
use daybook_domain::order::events::*;
use daybook_domain::{CanBear, Money};
use proptest::prelude::*;

use crate::history::History;
use crate::support::sale::*;
use crate::support::{cny, given};
use crate::wishes::{any_basket, any_refund, disputes, pay, sale};

/// Histories in CI, and in the long form (`DAYBOOK_LONG=1`, in release).
fn cases() -> u32 {
    if std::env::var_os("DAYBOOK_LONG").is_some() { 1_000_000 } else { 20_000 }
}

fn step() -> impl Strategy<Value = (C, bool)> {
    let bearer = proptest::sample::select(vec![Bearer::Merchant, Bearer::Merchant, Bearer::Platform]);
    let refunds = prop_oneof![
        any_refund().prop_map(|of| refund_escrow("r", of)),
        (any_refund(), bearer).prop_map(|(of, by)| refund_released("r", of, by)),
    ];
    let asked = prop_oneof![2 => sale(), 4 => refunds, 6 => disputes()];
    (asked, proptest::bool::weighted(0.3))
}

impl History {
    /// What the merchant has of this sale, with what its deposit gave for it.
    fn merchant_net(&self) -> i64 {
        -self.books.balance("Liabilities:MerchantPending:m1", cny(0).currency) - self.from_deposit
    }

    /// What the market bore.
    fn goodwill(&self) -> i64 {
        self.books.balance("Expenses:Goodwill", cny(0).currency)
    }

    /// Lets the order see what is left of the merchant's balance and deposit.
    fn sees(&mut self, balance: i64, deposit: i64) {
        let pending = -self.books.balance("Liabilities:MerchantPending:m1", cny(0).currency);
        let can_bear = CanBear {
            merchant: cny((balance + pending).max(0)),
            deposit: cny((deposit - self.from_deposit).max(0)),
        };
        self.order.facts.can_bear = Some(can_bear);
    }

    /// The dispute comes to its end.
    fn end_dispute(&mut self) {
        let Some(open) = self.order.state.open_dispute().map(|d| (d.id, d.stage)) else { return };
        let (dispute, stage) = open;
        // whoever might have appealed has not
        self.order.now = self.order.now.plus_days(60);
        let end = match stage {
            DisputeStage::Ruled => C::CloseDispute { dispute, due: None },
            DisputeStage::Appealed => C::UpholdRuling { dispute, reason: "stands".to_owned() },
            _ => C::WithdrawDispute { dispute, by: DisputeParty::Buyer },
        };
        assert!(self.ask(&end), "{end:?} of a dispute that is {stage:?}");
        self.ask(&C::CloseDispute { dispute, due: None });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]
    #[test]
    fn every_net_stays_in_its_bounds_and_a_full_unwind_ends_at_zero(
        place in any_basket(),
        cuts in (0i64..101, 0i64..101, 0i64..101),
        commission in 0i64..5_000,
        balance in 0i64..12_000,
        deposit in 0i64..12_000,
        received in proptest::bool::weighted(0.7),
        steps in proptest::collection::vec(step(), 0..16),
    ) {
        let mut facts = merchant(balance, deposit);
        if let Some(schedule) = facts.merchant.as_mut().and_then(|m| m.schedule.as_mut()) {
            schedule.default_commission = rate(&format!("0.{commission:04}"));
        }
        let mut history = History::of(given("o1", []).knowing(facts));
        history.quick = true;
        prop_assert!(history.ask(&C::Place(place)));
        let pays = pay(&history.order, cuts);
        prop_assert!(history.ask(&pays));
        history.ask(&ship("s0", None));
        if received {
            history.ask(&receive(None));
        }
        for (command, later) in &steps {
            history.sees(balance, deposit);
            let command = history.aimed(command);
            history.ask(&command);
            history.order.now = history.order.now.plus_days(if *later { 4 } else { 0 });
            let net = history.merchant_net();
            prop_assert!(net >= 0, "the merchant is at {} after {:?}", net, command);
            prop_assert!((0..=deposit).contains(&history.from_deposit), "the deposit gave {}", history.from_deposit);
            prop_assert!(history.goodwill() >= 0);
        }

        history.end_dispute();
        history.order.import = true;
        history.ask(&refund_escrow("all-escrow", RefundOf::All));
        history.ask(&refund_released("all-released", RefundOf::All, Bearer::Merchant));
        let (state, told) = (&history.order.state, &history.told);
        let minor = |m: Option<Money>| m.map_or(0, |m| m.minor);
        prop_assert_eq!(minor(state.escrow()), 0);
        prop_assert_eq!(told.to_buyer, told.paid, "the buyer has all of it back, and no more");
        let (net, goodwill) = (history.merchant_net(), history.goodwill());
        // where the market pays the buyer, what it had added to the sale stays with the merchant
        let added = told.shortfall + told.subsidies.values().sum::<i64>();
        let market = goodwill + added;
        prop_assert!((0..=market).contains(&net), "the merchant keeps {} of the market's {}", net, market);
        if goodwill == 0 {
            let zero = Some(cny(0));
            prop_assert_eq!((state.to_merchant(), state.tax()), (zero, zero));
            prop_assert_eq!((state.net_commission(), state.net_vat()), (zero, zero));
            prop_assert_eq!(told.shortfall, 0);
            prop_assert!(told.subsidies.values().chain(told.payments.values()).all(|left| *left == 0));
        }
    }
}
