//! What explains a payout or a settlement is compared level by level: what was planted at any of them is found.

use std::borrow::Cow;
use std::sync::Arc;

use daybook_domain::account::events::{PayoutRequested, SettlementClosed};
use daybook_domain::order::events::EscrowReleased;
use daybook_domain::{Currency, Event, MerchantId, Money, PayoutId, Refs};
use daybook_journal::{Append, Cause, Expected, Filter, NewEvent};
use daybook_market::payouts::{Explained, audit, explain};
use daybook_tests::stage::Stage;
use serde_json::json;
use uuid::Uuid;

fn yuan(minor: i64) -> Money {
    Money::new(minor, Currency::new("CNY").unwrap())
}

/// A sale of 100.00 with its receipt confirmed.
async fn sold() -> Stage {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    stage.basket("c1", &[("o1", "m1", "100.00")]).await;
    stage.pay("c1", "p1", "100.00").await;
    stage.deliver("o1").await;
    stage.ask("order", "o1", json!({"action": "confirm_receipt", "by": "buyer"})).await;
    stage
}

/// Settles and pays out.
async fn paid(stage: &mut Stage) -> PayoutId {
    stage.settle_account("m1").await;
    assert_eq!(stage.pay_out().await.requested, 1);
    "m1.2026-03-01.CNY".parse().unwrap()
}

/// Writes into the journal past every decider.
async fn plant(stage: &Stage, stream: &str, event: Event) {
    let (category, id) = stream.split_once('-').unwrap();
    let mut refs = Refs { merchant: Some("m1".parse().unwrap()), ..Refs::default() };
    if category == "order" {
        refs.order = Some(id.parse().unwrap());
        refs.checkout = Some("c1".parse().unwrap());
    }
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, event.encode().as_bytes());
    let append = Append {
        stream: stream.to_owned(),
        expected: Expected::Any,
        cause: Cause { command: id, fingerprint: [0; 16], correlation: id, actor: Cow::Borrowed("nobody") },
        events: vec![NewEvent {
            id,
            kind: Cow::Borrowed(event.kind().as_str()),
            schema: 1,
            occurred_at: stage.now().0,
            refs: serde_json::to_string(&refs).unwrap(),
            data: event.encode(),
        }],
    };
    for result in stage.market.journal().append(vec![append]).await {
        result.unwrap();
    }
}

fn explained(stage: &Stage, payout: PayoutId) -> Explained {
    let merchant: MerchantId = "m1".parse().unwrap();
    stage.ask_models(|models| explain(models, merchant, payout)).unwrap().unwrap()
}

#[tokio::test]
async fn a_payout_is_explained_down_to_what_funded_its_orders() {
    let mut stage = sold().await;
    let payout = paid(&mut stage).await;
    let found = explained(&stage, payout);
    assert!(found.complete(), "{found:#?}");
    let [order] = &found.orders[..] else { panic!("{found:#?}") };
    assert_eq!((order.funded, order.released, order.on_lines), (yuan(10_000), yuan(10_000), yuan(10_000)));
    assert_eq!((order.given_back, order.in_escrow, order.residual), (yuan(0), yuan(0), yuan(0)));
    assert_eq!(found.residuals, [yuan(0)]);
}

#[tokio::test]
async fn a_release_beyond_what_funded_the_order_is_left_over_as_residual() {
    let mut stage = sold().await;
    let more =
        EscrowReleased { lines: Vec::new(), to_merchant: yuan(500), tax: None, after_sales_until: None };
    plant(&stage, "order-o1", more.into()).await;
    let payout = paid(&mut stage).await;
    let found = explained(&stage, payout);
    assert!(!found.complete());
    assert_eq!((found.orders[0].residual, &found.residuals[..]), (yuan(500), &[yuan(500)][..]));
    assert!(found.unexplained[0].contains("was funded with 100.00 CNY, 105.00 CNY went out"), "{found:#?}");
    let all = stage.ask_models(|models| audit(models, &mut |_| {})).unwrap();
    assert_eq!((all.unexplained, &all.residuals[..], all.orders), (1, &[yuan(500)][..], 0), "{all:#?}");
}

#[tokio::test]
async fn a_debt_that_no_settlement_carried_out_and_one_that_vanishes_are_left_over_as_residuals() {
    let mut stage = sold().await;
    paid(&mut stage).await;
    let closed = |stage: &Stage| {
        let only = Filter { kinds: Some(vec!["SettlementClosed".into()]), categories: None };
        let mut last: Option<SettlementClosed> = None;
        let journal = Arc::clone(stage.market.journal());
        journal
            .scan(0, None, &only, &mut |e| {
                let Event::SettlementClosed(e) = Event::decode(e.kind, e.schema, e.data).unwrap() else {
                    panic!("{}", e.kind)
                };
                last = Some(e);
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        last.unwrap()
    };
    let of_nothing = |settlement: &str, owed: i64, carried_out: i64, from: SettlementClosed| {
        let (zero, owed) = (yuan(0), yuan(owed));
        SettlementClosed {
            settlement: settlement.parse().unwrap(),
            carried_in: owed,
            gross: zero,
            commission: zero,
            total: owed,
            carried_out: yuan(carried_out),
            orders: 0,
            lines: 0,
            digest: daybook_domain::account::lines::digest(&[]),
            ..from
        }
    };
    let whole = stage.ask_models(|models| models.settlement_explained("m1.2026-03-02")).unwrap().unwrap();
    assert!(whole.complete(), "{whole:#?}");

    plant(&stage, "account-m1", of_nothing("s2", -1_000, -1_000, closed(&stage)).into()).await;
    let s2 = stage.ask_models(|models| models.settlement_explained("s2")).unwrap().unwrap();
    assert_eq!((s2.complete(), s2.carry_residual, s2.debt_residual), (false, -1_000, 0));
    plant(&stage, "account-m1", of_nothing("s3", -1_000, 0, closed(&stage)).into()).await;
    let s3 = stage.ask_models(|models| models.settlement_explained("s3")).unwrap().unwrap();
    assert_eq!((s3.complete(), s3.carry_residual, s3.debt_residual), (false, 0, 1_000));

    let all = stage.ask_models(|models| audit(models, &mut |_| {})).unwrap();
    assert_eq!(all.residuals, [yuan(2_000)], "{all:#?}");
    assert_eq!(all.findings.len(), 2, "{all:#?}");

    // a later sale pays for the debts: the payout that it brings leads back to them
    stage.days(1).await;
    stage.basket("c2", &[("o2", "m1", "50.00")]).await;
    stage.pay("c2", "p2", "50.00").await;
    stage.deliver("o2").await;
    stage.ask("order", "o2", json!({"action": "confirm_receipt", "by": "buyer"})).await;
    plant(&stage, "account-m1", of_nothing("s4", -1_000, -1_000, closed(&stage)).into()).await;
    let s5 = SettlementClosed {
        settlement: "s5".parse().unwrap(),
        until: stage.now().plus_days(1),
        through: 4,
        gross: yuan(5_000),
        commission: yuan(500),
        total: yuan(3_500),
        carried_out: yuan(0),
        orders: 1,
        lines: 2,
        ..closed(&stage)
    };
    plant(&stage, "account-m1", s5.into()).await;
    let (payout, destination_ref) = ("w1".parse().unwrap(), "bank-1".parse().unwrap());
    let asked = PayoutRequested { payout, amount: yuan(100), destination_ref };
    plant(&stage, "account-m1", asked.into()).await;
    let found = explained(&stage, "w1".parse().unwrap());
    assert!(!found.complete());
    let residuals: Vec<_> =
        found.settlements.iter().map(|s| (s.settlement.as_str(), s.residual.minor)).collect();
    let each = [("m1.2026-03-02", 0), ("s2", 1_000), ("s3", 1_000), ("s4", 1_000), ("s5", 0)];
    assert_eq!(residuals, each, "{found:#?}");
    assert_eq!(found.residuals, [yuan(3_000)]);
}
