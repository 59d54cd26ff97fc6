//! A provider's reference names money that moved once: whoever comes second with it is refused, in whatever stream, at the
//! same moment or after a restart, and the books stay whole.

use std::sync::Arc;

use daybook_commands::Executed;
use daybook_domain::PartyId;
use daybook_market::{AnyRequest, MarketError};
use daybook_tests::site::Site;
use daybook_tests::stage::{Stage, cny, command};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

fn capture(payment: &str, reference: &str, amount: &str) -> Value {
    json!({"action": "capture", "payment": payment, "method": "card", "provider": "card",
        "provider_ref": reference, "amount": cny(amount)})
}

fn open() -> Value {
    json!({"action": "open", "buyer": "b1", "currency": "CNY", "orders": []})
}

fn request(number: u128, category: &str, id: &str, ask: &Value) -> AnyRequest {
    AnyRequest::new(command(category, id, ask), Uuid::from_u128(number), PartyId::new("teller").unwrap())
}

fn code(came: &Result<Executed, MarketError>) -> &'static str {
    match came {
        Ok(_) => "accepted",
        Err(MarketError::Command(error)) => error.code(),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_checkouts_that_claim_the_same_money_at_once_one_has_it() {
    let mut stage = Stage::in_memory();
    for n in 0..64 {
        stage.ask("checkout", &format!("c{n}"), open()).await;
    }
    for round in 0..8 {
        let head = stage.market.journal().head().unwrap();
        let reference = format!("txn-{round}");
        let mut tries = JoinSet::new();
        for n in 0..64_u128 {
            let market = Arc::clone(&stage.market);
            let ask = capture(&format!("p{round}"), &reference, "10.00");
            let request = request(1_000 + 100 * round + n, "checkout", &format!("c{n}"), &ask);
            tries.spawn(async move { code(&market.execute(request).await) });
        }
        let came = tries.join_all().await;
        assert_eq!(came.iter().filter(|code| **code == "accepted").count(), 1, "{came:?}");
        assert_eq!(came.iter().filter(|code| **code == "provider_ref_used").count(), 63, "{came:?}");
        assert_eq!(stage.market.journal().head().unwrap(), head + 2, "one payment, and why it has no order");
        stage.settle().await; // what the reactors keep, and what they have not come to, is known alike
    }
    stage.keeps_invariants("many at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_money_told_again_on_its_own_checkout_is_no_news() {
    let mut stage = Stage::in_memory();
    for checkout in ["c1", "c2"] {
        stage.ask("checkout", checkout, open()).await;
    }
    let first =
        stage.market.execute(request(1, "checkout", "c1", &capture("p1", "txn", "10.00"))).await.unwrap();
    for settled in [false, true] {
        if settled {
            stage.settle().await;
        }
        let again =
            stage.market.execute(request(1, "checkout", "c1", &capture("p1", "txn", "10.00"))).await.unwrap();
        assert!(again.receipt.unwrap().replayed, "{settled}");
        assert_eq!(again.position, first.position);
        // a provider's webhook that comes twice is told under another key
        let told = stage.try_ask("checkout", "c1", capture("p1", "txn", "10.00")).await.unwrap();
        assert!(told.already && told.events.is_empty());
        // another amount is another movement
        assert_eq!(stage.refused("checkout", "c1", capture("p2", "txn", "11.00")).await, "provider_ref_used");
        assert_eq!(stage.refused("checkout", "c2", capture("p1", "txn", "10.00")).await, "provider_ref_used");
    }
    // the number of one provider is not that of another, nor a payment's that of a refund
    let other = json!({"action": "capture", "payment": "p1", "method": "wallet", "provider": "alipay",
        "provider_ref": "txn", "amount": cny("10.00")});
    stage.ask("checkout", "c2", other).await;
    let refused = stage.market.refused_commands(10).unwrap();
    assert_eq!(refused.iter().filter(|refusal| refusal.code == "provider_ref_used").count(), 4);
    assert!(
        refused[0].reason.contains("txn of card") && refused[0].reason.contains("checkout-c1"),
        "{refused:?}"
    );
    stage.keeps_invariants("told again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_is_refused_gives_its_reference_back() {
    let mut stage = Stage::in_memory();
    stage.ask("checkout", "c1", open()).await;
    assert_eq!(stage.refused("checkout", "unknown", capture("p1", "txn", "10.00")).await, "checkout_unknown");
    stage.ask("checkout", "c1", capture("p1", "txn", "10.00")).await;
    assert_eq!(
        stage.refused("checkout", "unknown", capture("p1", "txn", "10.00")).await,
        "provider_ref_used"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_a_reference_is_known_after_a_restart_and_without_the_markets_own_file() {
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::in_folder(folder.path(), Stage::start());
    let execute = async |stage: &Stage, number, id: &str, ask: Value| {
        code(&stage.market.execute(request(number, "checkout", id, &ask)).await)
    };
    for (number, checkout) in [(1, "c1"), (2, "c2")] {
        assert_eq!(execute(&stage, number, checkout, open()).await, "accepted");
    }
    assert_eq!(execute(&stage, 3, "c1", capture("p1", "before", "10.00")).await, "accepted");
    stage.settle().await;
    assert_eq!(execute(&stage, 4, "c1", capture("p2", "unseen", "20.00")).await, "accepted");
    drop(stage);
    for lost in [false, true] {
        if lost {
            std::fs::remove_file(folder.path().join("story.market.db")).unwrap();
        }
        let stage = Stage::in_folder(folder.path(), Stage::start());
        for reference in ["before", "unseen"] {
            let claimed = execute(&stage, 9, "c2", capture("p1", reference, "30.00")).await;
            assert_eq!(claimed, "provider_ref_used", "{reference}, file lost: {lost}");
        }
        stage.keeps_invariants("restarted");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deposits_and_refunds_have_references_of_their_own() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "100.00").await;
    stage.merchant("m2", "100.00").await;
    stage.basket("c1", &[("o1", "m1", "60.00"), ("o2", "m2", "40.00")]).await;
    stage.pay("c1", "p1", "100.00").await;
    // what paid a deposit pays no basket, nor another's deposit
    let deposit =
        json!({"action": "pay", "amount": cny("5.00"), "provider": "bank", "provider_ref": "deposit-of-m1"});
    assert_eq!(stage.refused("deposit", "m2", deposit).await, "provider_ref_used");
    let basket = json!({"action": "capture", "payment": "p9", "method": "bank_transfer", "provider": "bank",
        "provider_ref": "deposit-of-m2", "amount": cny("1.00")});
    assert_eq!(stage.refused("checkout", "c1", basket).await, "provider_ref_used");
    // one refund each, and the same told again is no news
    for (order, amount) in [("o1", "60.00"), ("o2", "40.00")] {
        let cancel = json!({"action": "cancel", "by": "merchant", "reason": "r", "refund": "r1"});
        stage.ask("order", order, cancel).await;
        let paid = |reference: &str| {
            json!({"action": "pay_refund", "refund": "r1",
                "parts": [{"payment": "p1", "provider": "alipay", "amount": cny(amount), "provider_ref": reference}]})
        };
        if order == "o2" {
            assert_eq!(stage.refused("order", order, paid("back-o1")).await, "provider_ref_used");
        }
        let reference = format!("back-{order}");
        stage.ask("order", order, paid(&reference)).await;
        assert!(stage.try_ask("order", order, paid(&reference)).await.unwrap().already);
    }
    stage.keeps_invariants("all sorts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_payouts_are_not_one_transfer() {
    let mut stage = Stage::in_memory();
    for (merchant, order, checkout) in [("m1", "o1", "c1"), ("m2", "o2", "c2")] {
        stage.merchant(merchant, "0.00").await;
        stage.basket(checkout, &[(order, merchant, "60.00")]).await;
        stage.pay(checkout, "p1", "60.00").await;
        stage.deliver(order).await;
        stage.ask("order", order, json!({"action": "confirm_receipt", "by": "buyer"})).await;
        stage.settle_account(merchant).await;
        let request = json!({"action": "request_payout", "payout": "po", "amount": cny("10.00"), "destination_ref": "iban"});
        stage.ask("account", merchant, request).await;
    }
    let send = json!({"action": "send_payout", "payout": "po", "provider_ref": "transfer"});
    stage.ask("account", "m1", send.clone()).await;
    assert!(stage.try_ask("account", "m1", send.clone()).await.unwrap().already, "told again");
    assert_eq!(stage.refused("account", "m2", send).await, "reference_used");
    stage.keeps_invariants("two payouts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http_the_second_checkout_hears_which_has_the_money_and_nothing_is_written() {
    let mut stage = Stage::in_memory();
    for checkout in ["c1", "c2"] {
        stage.ask("checkout", checkout, open()).await;
    }
    let site = Site::of(&stage).await;
    let body = json!({"payment": "p1", "method": "card", "provider": "card", "provider_ref": "txn", "amount": cny("10.00")});
    assert_eq!(site.post("storefront", "/v1/checkouts/c1/capture", "k", &body).await.status, 200);
    let head = stage.market.journal().head().unwrap();
    let second = site.post("storefront", "/v1/checkouts/c2/capture", "k", &body).await;
    assert_eq!(
        (second.status, &second.body["refusal"]),
        (422, &json!("provider_ref_used")),
        "{}",
        second.text
    );
    assert!(second.body["detail"].as_str().unwrap().contains("checkout-c1"), "{}", second.text);
    assert_eq!(stage.market.journal().head().unwrap(), head);
    let replayed = site.post("storefront", "/v1/checkouts/c1/capture", "k", &body).await;
    assert_eq!((replayed.status, replayed.header("idempotency-replayed")), (200, "true"));
    site.stop().await;
}

fn of_bank(action: &str, to: &str, bank: &str, amount: &str, reference: &str) -> Value {
    let whom = if action == "pay_commission" { "partner" } else { "channel" };
    json!({"action": action, whom: to, "amount": cny(amount), "bank": bank, "reference": reference})
}

fn plan(name: &str) -> Value {
    json!({"action": "plan", "name": name, "kind": "affiliate", "starts": "2018-01-01T00:00:00Z",
        "ends": "2018-12-31T00:00:00Z", "budget": cny("0.00")})
}

fn accrue(number: &str, base: &str) -> Value {
    json!({"action": "accrue_commission", "accrual": number, "order": "o1", "partner": "p1", "base": cny(base),
        "rate": "0.1", "funded_by": "market"})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_of_a_bank_pays_one_thing_in_whatever_stream() {
    let mut stage = Stage::in_memory();
    for campaign in ["a", "b"] {
        stage.ask("campaign", campaign, plan(campaign)).await;
        stage.ask("campaign", campaign, accrue("a1", "1000.00")).await;
    }
    let pay = |bank: &str, reference: &str| of_bank("pay_commission", "p1", bank, "50.00", reference);
    let settle = |reference: &str| of_bank("settle_payable", "baidu", "main", "50.00", reference);
    stage.ask("campaign", "a", pay("main", "TX-1")).await;
    for settled in [false, true] {
        if settled {
            stage.settle().await;
        }
        assert_eq!(stage.refused("campaign", "b", pay("main", "TX-1")).await, "reference_used");
        assert_eq!(stage.refused("books", "main", settle("TX-1")).await, "reference_used");
    }
    let refused = stage.market.refused_commands(1).unwrap();
    let says = "reference TX-1 of main stands for a transfer on campaign-a already";
    assert!(refused[0].reason.contains(says), "{refused:?}");
    // another bank numbers for itself
    stage.ask("campaign", "b", pay("second", "TX-1")).await;
    stage.ask("books", "main", settle("TX-2")).await;
    assert_eq!(stage.refused("campaign", "a", pay("main", "TX-2")).await, "reference_used");
    stage.keeps_invariants("transfers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_is_paid_its_commission_by_its_campaign_and_only_bills_otherwise() {
    let mut stage = Stage::in_memory();
    stage.ask("campaign", "a", plan("a")).await;
    stage.ask("campaign", "a", accrue("a1", "1000.00")).await;
    let settle = |amount: &str, reference: &str| of_bank("settle_payable", "p1", "main", amount, reference);
    assert_eq!(stage.refused("books", "main", settle("100.00", "TX-1")).await, "more_than_owed");
    // it is an advertising channel as well: its bill is another thing
    let spend = json!({"action": "record_spend", "spend": "bill-1", "channel": "p1", "day": "2018-03-01",
        "kind": "media", "amount": cny("30.00"), "funded_by": "market"});
    stage.ask("campaign", "a", spend).await;
    assert_eq!(stage.refused("books", "main", settle("30.01", "TX-1")).await, "more_than_owed");
    let bill = request(77, "books", "main", &settle("30.00", "TX-1"));
    let first = stage.market.execute(bill.clone()).await.unwrap();
    let again = stage.market.execute(bill).await.unwrap();
    assert!(again.receipt.unwrap().replayed && again.position == first.position);
    stage.ask("campaign", "a", of_bank("pay_commission", "p1", "main", "100.00", "TX-2")).await;
    assert_eq!(stage.account("Liabilities:Payable:p1"), "0.00");
    assert_eq!(stage.refused("books", "main", settle("0.01", "TX-3")).await, "more_than_owed");
    stage.keeps_invariants("partners");
}
