//! Coupons that a merchant would have funded.

use std::collections::BTreeMap;

use daybook_domain::Event;
use daybook_domain::order::Restatement;
use daybook_domain::order::events::Bearer;
use daybook_domain::posting::{Entry, post};
use daybook_market::what_if::{Coupons, Difference, Rules, Scope, what_if};
use daybook_projections::AsOf;
use daybook_tests::stage::{Stage, cny};
use serde_json::json;

use super::{ask, events, keeps_books, merchant, of_all, rate, refund, yuan};

/// A sale of one piece at 100.00 to which the market adds 20.00, received.
pub(super) async fn subsidised(stage: &mut Stage) {
    let line = json!({"line": "1", "product": "p-1", "category": "toys", "quantity": 1,
        "unit_price": cny("100.00"), "discount": cny("0.00")});
    let place = json!({"action": "place", "checkout": "c1", "buyer": "b-1", "merchant": "m1", "lines": [line],
        "subsidies": [{"campaign": "spring", "amount": cny("20.00")}],
        "shipping": cny("0.00"), "sales_channel": "own"});
    stage.ask("order", "o1", place).await;
    let orders = [json!({"order": "o1", "merchant": "m1", "buyer_pays": cny("80.00")})];
    let open = json!({"action": "open", "buyer": "b-1", "currency": "CNY", "orders": orders});
    stage.ask("checkout", "c1", open).await;
    stage.pay("c1", "p1", "80.00").await;
    stage.deliver("o1").await;
    stage.ask("order", "o1", json!({"action": "confirm_receipt", "by": "buyer"})).await;
}

pub(super) fn funded(campaign: &str, share: &str) -> Rules {
    let (campaign, merchant_share) = (campaign.parse().unwrap(), rate(share));
    Rules { coupons: vec![Coupons { scope: Scope::default(), campaign, merchant_share }], ..Rules::default() }
}

#[tokio::test]
async fn what_a_merchant_funds_of_coupons_is_a_discount_of_its_own_and_buyers_get_what_they_got() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    subsidised(&mut stage).await;
    let figures = |found: &Difference| {
        let of = |name| found.accounts.iter().find(|account| account.name == name).unwrap().balance.what_if;
        let m1 = merchant(found, "m1");
        (of("Subsidy"), m1.commission.what_if, m1.owed.what_if)
    };
    let half = ask(&stage, &funded("spring", "0.5"));
    keeps_books(&stage, &half);
    // goods of 90.00 instead of 100.00, of which 10 % are commission
    assert_eq!(figures(&half), (yuan(-1_000), yuan(900), yuan(8_100)));
    let all = ask(&stage, &funded("spring", "1"));
    assert_eq!(figures(&all), (yuan(0), yuan(800), yuan(7_200)));
    assert_eq!(figures(&ask(&stage, &Rules::default())), (yuan(-2_000), yuan(1_000), yuan(9_000)));
    // half of it goes back: 40.00 to the buyer whoever funded the rest
    refund(&mut stage, 1, "50.00").await;
    let half = ask(&stage, &funded("spring", "0.5"));
    keeps_books(&stage, &half);
    assert_eq!(figures(&half), (yuan(-500), yuan(450), yuan(4_050)));
    refund(&mut stage, 1, "49.99").await;
    refund(&mut stage, 1, "0.01").await;
    let half = ask(&stage, &funded("spring", "0.5"));
    keeps_books(&stage, &half);
    assert_eq!(figures(&half), (yuan(0), yuan(0), yuan(0)), "nothing of nothing");
    let why = what_if(&**stage.market.journal(), &funded("winter", "0.5"), AsOf::HEAD, &mut |_| {});
    let why = why.unwrap_err().to_string();
    assert!(why.contains("coupons 1") && why.contains("winter"), "{why}");
}

#[tokio::test]
async fn under_any_share_the_books_of_a_market_balance_and_escrow_is_what_its_orders_hold() {
    let stage = Stage::simulated(20, 40).await;
    for share in ["0.37", "1"] {
        let mut rules = funded("autumn-sale", share);
        rules.coupons.extend(funded("new-buyers", share).coupons);
        rules.commission = of_all("0.0777").commission;
        let found = ask(&stage, &rules);
        keeps_books(&stage, &found);
        assert!(found.changed_accounts().any(|account| account.name == "Subsidy"), "{share}");
        // each order on its own: what it posts to its escrow is what its state says is there
        let (mut orders, mut escrow) =
            (BTreeMap::<String, Restatement>::new(), BTreeMap::<String, i64>::new());
        let mut refunded = 0;
        for (stream, event, refs, at) in events(&stage) {
            if let Event::OrderPlaced(placed) = &event {
                let mut asked = placed.clone();
                asked.funded_by_merchant(|_| Some(rate(share))).unwrap();
                orders.insert(stream.clone(), Restatement::begin(&stream[6..], placed, asked, at));
                continue;
            }
            let Some(order) = orders.get_mut(&stream) else { continue };
            let restated = order.take(&event, at);
            let (mut was, mut is) = (Vec::new(), Vec::new());
            post(&event, &refs, &mut was);
            post(restated.as_ref().unwrap_or(&event), &refs, &mut is);
            let sum = |entries: &[Entry<'_>], name: &str| -> i64 {
                let of = entries.iter().filter(|entry| entry.account.name == name);
                of.map(|entry| entry.amount.minor).sum()
            };
            assert_eq!(is.iter().map(|entry| entry.amount.minor).sum::<i64>(), 0, "{stream} {restated:?}");
            let by_deposit = matches!(&event, Event::RefundIssued(e)
                if e.borne_by.iter().any(|s| s.by == Bearer::Deposit));
            if !by_deposit {
                assert_eq!(sum(&was, "Refunds"), sum(&is, "Refunds"), "{stream} {event:?} {restated:?}");
            }
            *escrow.entry(stream.clone()).or_default() -= sum(&is, "Escrow");
            refunded += u64::from(matches!(event, Event::EscrowRefunded(_) | Event::RefundIssued(_)));
            if order.asked().funded() {
                let held = order.asked().escrow().map_or(0, |held| held.minor);
                assert_eq!(escrow[&stream], held, "{stream} after {event:?}");
            }
        }
        assert!(refunded > 20, "{refunded}");
    }
}
