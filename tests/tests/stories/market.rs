//! Stories of the running market: what follows from an act, from time passing, from running twice.

use daybook_tests::stage::{Stage, cny};
use serde_json::json;

#[tokio::test]
async fn a_basket_of_two_merchants_goes_from_payment_to_completion() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "100.00").await;
    stage.merchant("m2", "0.00").await;
    stage.basket("c1", &[("o1", "m1", "60.00"), ("o2", "m2", "40.00")]).await;
    stage.pay("c1", "p1", "100.00").await;
    assert_eq!(stage.account("Liabilities:Escrow:o1"), "-60.00");
    assert_eq!(stage.account("Liabilities:Escrow:o2"), "-40.00");
    stage.deliver("o1").await;
    stage.deliver("o2").await;
    stage.ask("order", "o1", json!({"action": "confirm_receipt", "by": "buyer"})).await;
    assert_eq!(stage.account("Liabilities:MerchantPending:m1"), "-54.00", "60 less 10 % commission");
    assert_eq!(stage.account("Liabilities:MerchantPending:m2"), "0.00", "not yet received");
    // nobody confirms the second: ten days after delivery it is taken as received
    stage.days(10).await;
    assert_eq!(stage.account("Liabilities:MerchantPending:m2"), "-36.00");
    stage.days(16).await;
    for order in ["order-o1", "order-o2"] {
        assert_eq!(stage.story(order).last().unwrap(), "OrderCompleted");
    }
    assert_eq!(stage.account("Income:Commission:toys"), "-10.00");
    stage.holds();
}

#[tokio::test]
async fn an_order_nobody_pays_is_cancelled_and_its_checkout_expires() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    stage.basket("c1", &[("o1", "m1", "60.00")]).await;
    stage.days(2).await;
    assert_eq!(stage.story("order-o1"), ["OrderPlaced", "OrderCancelled"]);
    assert!(
        stage.story("checkout-c1").contains(&"CheckoutExpired".to_owned()),
        "{:?}",
        stage.story("checkout-c1")
    );
    stage.holds();
}

#[tokio::test]
async fn money_that_comes_after_the_cancellation_goes_back() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    stage.basket("c1", &[("o1", "m1", "60.00")]).await;
    let cancel = json!({"action": "cancel", "by": "buyer", "reason": "changed my mind", "refund": "r1"});
    stage.ask("order", "o1", cancel).await;
    stage.pay("c1", "p1", "60.00").await;
    let story = stage.story("checkout-c1");
    assert!(story.contains(&"UnallocatedRefunded".to_owned()), "{story:?}");
    assert_eq!(stage.account("Liabilities:Checkout:c1"), "0.00");
    assert_eq!(stage.account("Assets:Provider:alipay"), "0.00");
    stage.holds();
}

#[tokio::test]
async fn an_order_cancelled_while_its_money_is_on_the_way_gives_it_back_alone() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    stage.merchant("m2", "0.00").await;
    stage.basket("c1", &[("o1", "m1", "60.00"), ("o2", "m2", "40.00")]).await;
    // both at once, before any reactor has run
    let cancel = json!({"action": "cancel", "by": "buyer", "reason": "changed my mind", "refund": "r1"});
    stage.try_ask("order", "o1", cancel).await.unwrap();
    let capture = json!({"action": "capture", "payment": "p1", "method": "wallet", "provider": "alipay",
        "provider_ref": "t1", "amount": cny("100.00")});
    stage.try_ask("checkout", "c1", capture).await.unwrap();
    stage.settle().await;
    assert_eq!(stage.account("Liabilities:Escrow:o2"), "-40.00");
    assert_eq!(stage.account("Assets:Provider:alipay"), "40.00");
    let story = stage.story("checkout-c1");
    assert!(story.contains(&"AllocationReturned".to_owned()), "{story:?}");
    stage.holds();
}

#[tokio::test]
async fn a_ruling_is_paid_by_escrow_the_merchant_its_deposit_and_the_market() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "20.00").await;
    stage.basket("c1", &[("o1", "m1", "100.00")]).await;
    stage.pay("c1", "p1", "100.00").await;
    stage.deliver("o1").await;
    stage.ask("order", "o1", json!({"action": "confirm_receipt", "by": "buyer"})).await;
    // 90 are pending; a penalty leaves 10 of them
    let penalty = json!({"action": "charge_penalty", "amount": cny("80.00"), "reason": "counterfeit goods"});
    stage.ask("account", "m1", penalty).await;
    stage.days(1).await;
    let open = json!({"action": "open_dispute", "dispute": "d1", "by": "buyer", "category": "quality",
        "claim": cny("50.00")});
    stage.ask("order", "o1", open).await;
    assert_eq!(stage.account("Liabilities:DepositFrozen:m1"), "-20.00", "the claim holds the deposit");
    // nobody answers
    stage.days(4).await;
    let story = stage.story("order-o1");
    assert!(story.contains(&"DisputeRuled".to_owned()), "{story:?}");
    assert_eq!(stage.account("Liabilities:Deposit:m1"), "0.00");
    assert_eq!(stage.account("Liabilities:DepositFrozen:m1"), "0.00", "the deposit has given its share");
    assert_eq!(stage.account("Expenses:Goodwill"), "20.00", "the market bears the rest");
    let commission_back = "-3.00";
    assert_eq!(
        stage.account("Liabilities:MerchantPending:m1"),
        commission_back,
        "the merchant has given its 10"
    );
    assert_eq!(stage.account("Liabilities:Refunds:o1"), "-50.00", "the buyer is owed all of it");
    // a short deposit, not topped up within its grace, suspends the store; the ruling becomes final
    stage.days(8).await;
    assert!(stage.story("merchant-m1").contains(&"MerchantSuspended".to_owned()));
    assert!(stage.story("order-o1").contains(&"DisputeClosed".to_owned()));
    stage.holds();
}

#[tokio::test]
async fn a_dispute_withdrawn_frees_what_was_held_and_the_waiting_receipt() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "20.00").await;
    stage.basket("c1", &[("o1", "m1", "100.00")]).await;
    stage.pay("c1", "p1", "100.00").await;
    stage.deliver("o1").await;
    let open = json!({"action": "open_dispute", "dispute": "d1", "by": "buyer", "category": "quality"});
    stage.ask("order", "o1", open).await;
    assert_eq!(stage.account("Liabilities:DepositFrozen:m1"), "0.00", "escrow covers the claim");
    stage.ask("order", "o1", json!({"action": "answer_dispute", "dispute": "d1", "by": "merchant"})).await;
    stage.days(12).await;
    assert_eq!(stage.account("Liabilities:Escrow:o1"), "-100.00", "the timeout waits for the dispute");
    stage.ask("order", "o1", json!({"action": "withdraw_dispute", "dispute": "d1", "by": "buyer"})).await;
    assert_eq!(stage.account("Liabilities:Escrow:o1"), "0.00", "and takes effect when it is over");
    stage.holds();
}

/// 90 of an order of 100, settled: what is available to the merchant.
async fn settled(stage: &mut Stage) {
    stage.basket("c1", &[("o1", "m1", "100.00")]).await;
    stage.pay("c1", "p1", "100.00").await;
    stage.deliver("o1").await;
    stage.ask("order", "o1", json!({"action": "confirm_receipt", "by": "buyer"})).await;
    stage.days(1).await;
    stage.settle_account("m1").await;
    assert_eq!(stage.account("Liabilities:MerchantAvailable:m1"), "-90.00");
}

#[tokio::test]
async fn a_claim_on_what_was_settled_is_held_until_the_dispute_is_over() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "20.00").await;
    settled(&mut stage).await;
    let open = json!({"action": "open_dispute", "dispute": "d1", "by": "buyer", "category": "quality"});
    stage.ask("order", "o1", open).await;
    assert_eq!(stage.account("Liabilities:MerchantHeld:m1"), "-90.00");
    assert_eq!(
        stage.account("Liabilities:DepositFrozen:m1"),
        "-10.00",
        "the deposit holds the rest of the claim"
    );
    stage.ask("order", "o1", json!({"action": "withdraw_dispute", "dispute": "d1", "by": "buyer"})).await;
    assert_eq!(stage.account("Liabilities:MerchantAvailable:m1"), "-90.00");
    assert_eq!(stage.account("Liabilities:Deposit:m1"), "-20.00");
    stage.holds();
}

#[tokio::test]
async fn what_a_later_settlement_holds_for_a_claim_the_deposit_frees() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "60.00").await;
    settled(&mut stage).await;
    stage.pay_out().await;
    let open = json!({"action": "open_dispute", "dispute": "d1", "by": "buyer", "category": "quality"});
    stage.ask("order", "o1", open).await;
    let held = |stage: &Stage| {
        ["MerchantHeld", "DepositFrozen", "Deposit"]
            .map(|name| stage.account(&format!("Liabilities:{name}:m1")))
    };
    assert_eq!(held(&stage), ["0.00", "-60.00", "0.00"], "of a claim of 100");
    stage.ask("order", "o1", json!({"action": "answer_dispute", "dispute": "d1", "by": "merchant"})).await;
    for (reward, expected) in [
        ("30.00", ["-30.00", "-60.00", "0.00"]),
        ("25.00", ["-55.00", "-45.00", "-15.00"]),
        ("80.00", ["-100.00", "0.00", "-60.00"]),
    ] {
        let grant =
            json!({"action": "grant_reward", "amount": cny(reward), "period": "2026", "kind": "growth"});
        stage.ask("account", "m1", grant).await;
        stage.settle_account("m1").await;
        assert_eq!(held(&stage), expected, "after a settlement of {reward}");
    }
    assert_eq!(stage.account("Liabilities:MerchantAvailable:m1"), "-35.00");
    stage.ask("order", "o1", json!({"action": "withdraw_dispute", "dispute": "d1", "by": "buyer"})).await;
    assert_eq!(held(&stage), ["0.00", "0.00", "-60.00"]);
    stage.holds();
}

#[tokio::test]
async fn a_deposit_that_stays_short_is_topped_up_from_what_is_available() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "20.00").await;
    settled(&mut stage).await;
    let more = json!({"action": "agree_fee_schedule", "effective_from": "2026-03-02T00:00:00Z",
        "default_commission": "0.10", "deposit_required": cny("50.00"),
        "settlement": {"cycle": "weekly", "days": 0, "minimum_payout": cny("0.00")}});
    stage.ask("merchant", "m1", more).await;
    assert_eq!(stage.story("merchant-m1").last().unwrap(), "DepositShort");
    stage.days(7).await;
    let story = stage.story("merchant-m1");
    let end: Vec<_> = story[story.len() - 3..].iter().map(String::as_str).collect();
    assert_eq!(end, ["MerchantSuspended", "DepositSatisfied", "MerchantReinstated"]);
    assert_eq!(stage.account("Liabilities:Deposit:m1"), "-50.00");
    assert_eq!(stage.account("Liabilities:MerchantAvailable:m1"), "-60.00");
    assert_eq!(stage.account("Liabilities:MerchantHeld:m1"), "0.00");
    stage.holds();
}

#[tokio::test]
async fn a_chargeback_lost_after_release_is_made_good_by_the_deposit() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "30.00").await;
    stage.basket("c1", &[("o1", "m1", "100.00")]).await;
    stage.pay("c1", "p1", "100.00").await;
    stage.deliver("o1").await;
    stage.ask("order", "o1", json!({"action": "confirm_receipt", "by": "buyer"})).await;
    let received = json!({"action": "receive_chargeback", "chargeback": "cb1", "payment": "p1",
        "amount": cny("100.00"), "reason": "fraud"});
    stage.ask("checkout", "c1", received).await;
    assert!(stage.story("order-o1").contains(&"ChargebackOpened".to_owned()));
    assert_eq!(stage.account("Liabilities:DepositFrozen:m1"), "-30.00");
    stage.ask("checkout", "c1", json!({"action": "lose_chargeback", "chargeback": "cb1"})).await;
    assert!(stage.story("order-o1").contains(&"ChargebackClosed".to_owned()));
    assert_eq!(stage.account("Assets:ChargebackHeld:alipay"), "0.00");
    assert_eq!(stage.account("Liabilities:DepositFrozen:m1"), "0.00");
    assert_eq!(
        stage.account("Liabilities:Deposit:m1"),
        "-20.00",
        "90 were pending: the deposit made 10 good"
    );
    assert_eq!(stage.account("Liabilities:MerchantPending:m1"), "-10.00", "its commission came back");
    stage.holds();
}

#[tokio::test]
async fn a_chargeback_won_leaves_everything_as_it_was() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "30.00").await;
    stage.basket("c1", &[("o1", "m1", "60.00"), ("o2", "m1", "40.00")]).await;
    stage.pay("c1", "p1", "100.00").await;
    let before = stage.books();
    let received = json!({"action": "receive_chargeback", "chargeback": "cb1", "payment": "p1",
        "amount": cny("100.00"), "reason": "fraud"});
    stage.ask("checkout", "c1", received).await;
    assert_eq!(
        stage.refused("order", "o1", json!({"action": "ship", "shipment": "s1", "mode": "parcel"})).await,
        "chargeback_open"
    );
    stage.ask("checkout", "c1", json!({"action": "win_chargeback", "chargeback": "cb1"})).await;
    assert_eq!(stage.books(), before);
    stage.holds();
}

#[tokio::test]
async fn reactions_made_twice_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::in_folder(folder.path(), Stage::start());
    stage.merchant("m1", "20.00").await;
    stage.basket("c1", &[("o1", "m1", "100.00")]).await;
    stage.pay("c1", "p1", "100.00").await;
    stage.deliver("o1").await;
    stage.ask("order", "o1", json!({"action": "confirm_receipt", "by": "buyer"})).await;
    let open = json!({"action": "open_dispute", "dispute": "d1", "by": "buyer", "category": "quality"});
    stage.ask("order", "o1", open).await;
    stage.days(30).await;
    let (head, now) = (stage.market.journal().head().unwrap(), stage.now());
    drop(stage);
    // the market's own file is lost: its reactors begin again at the first event
    for file in ["story.market.db", "story.market.db-wal", "story.market.db-shm"] {
        let _ = std::fs::remove_file(folder.path().join(file));
    }
    let stage = Stage::in_folder(folder.path(), now);
    let driven = stage.market.run_until_quiet().await.unwrap();
    assert!(driven.events >= head, "it has looked at everything again");
    assert_eq!(stage.market.journal().head().unwrap(), head, "and has written nothing");
    stage.holds();
}

#[tokio::test]
async fn a_market_that_stopped_in_the_middle_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::in_folder(folder.path(), Stage::start());
    stage.merchant("m1", "0.00").await;
    stage.basket("c1", &[("o1", "m1", "100.00")]).await;
    let capture = json!({"action": "capture", "payment": "p1", "method": "wallet", "provider": "alipay",
        "provider_ref": "t1", "amount": cny("100.00")});
    // paid, and the process dies before any reactor has heard of it
    stage.try_ask("checkout", "c1", capture).await.unwrap();
    let now = stage.now();
    drop(stage);
    let mut stage = Stage::in_folder(folder.path(), now);
    assert_eq!(stage.account("Liabilities:Escrow:o1"), "0.00");
    stage.settle().await;
    assert_eq!(stage.account("Liabilities:Escrow:o1"), "-100.00");
    stage.deliver("o1").await;
    // it is away when the deadline passes, and meets it when it is back, at the time it was due
    let later = daybook_domain::Timestamp(stage.now().0 + 20 * daybook_domain::time::DAY);
    drop(stage);
    let stage = Stage::in_folder(folder.path(), later);
    stage.settle().await;
    assert_eq!(stage.account("Liabilities:Escrow:o1"), "0.00");
    stage.holds();
}

#[tokio::test]
async fn the_market_runs_by_itself_in_the_background() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    stage.basket("c1", &[("o1", "m1", "100.00")]).await;
    let running = stage.market.spawn();
    let capture = json!({"action": "capture", "payment": "p1", "method": "wallet", "provider": "alipay",
        "provider_ref": "t1", "amount": cny("100.00")});
    stage.try_ask("checkout", "c1", capture).await.unwrap();
    for _ in 0..500 {
        if stage.account("Liabilities:Escrow:o1") == "-100.00" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    running.stop().await;
    assert_eq!(stage.account("Liabilities:Escrow:o1"), "-100.00");
    stage.holds();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_ship_the_same_order_one_does() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::in_folder(folder.path(), Stage::start());
    stage.merchant("m1", "0.00").await;
    stage.basket("c1", &[("o1", "m1", "100.00")]).await;
    stage.pay("c1", "p1", "100.00").await;
    let requests: Vec<_> = (0..32)
        .map(|n| {
            let ship = json!({"action": "ship", "shipment": format!("s-{n}"), "mode": "parcel"});
            stage.request("order", "o1", &ship)
        })
        .collect();
    let tasks: Vec<_> = requests
        .into_iter()
        .map(|request| {
            let market = std::sync::Arc::clone(&stage.market);
            tokio::spawn(async move { market.execute(request).await })
        })
        .collect();
    let mut shipped = 0;
    for task in tasks {
        shipped += usize::from(task.await.unwrap().is_ok());
    }
    assert_eq!(shipped, 1);
    assert_eq!(stage.story("order-o1").iter().filter(|kind| *kind == "OrderShipped").count(), 1);
    // the others are on record, with the reason
    let refused = stage.market.refused_commands(100).unwrap();
    assert_eq!(refused.len(), 31);
    assert!(refused.iter().all(|r| r.stream == "order-o1" && r.code == "not_shippable"), "{refused:?}");
    stage.holds();
}

#[tokio::test]
async fn deadlines_of_an_import_wait_until_it_has_finished() {
    let mut stage = Stage::in_memory();
    let source = daybook_domain::PartyId::new("import:elsewhere").unwrap();
    stage.market.import_begins(source).unwrap();
    let import = |stage: &mut Stage, category: &str, id: &str, ask: serde_json::Value| {
        let mut request = stage.request(category, id, &ask);
        request.actor = source;
        request.import = true;
        request.occurred_at = Some(daybook_domain::Timestamp::parse("2025-03-01T00:00:00Z").unwrap());
        request
    };
    let requests = [import(
        &mut stage,
        "checkout",
        "c1",
        json!({"action": "open", "buyer": "b-1", "currency": "CNY",
            "orders": [], "expires": "2025-04-01T00:00:00Z"}),
    )];
    for request in requests {
        stage.market.execute(request).await.unwrap();
    }
    stage.settle().await;
    assert_eq!(stage.story("checkout-c1"), ["CheckoutOpened"]);
    stage.market.import_ends(source).unwrap();
    stage.settle().await;
    assert_eq!(stage.story("checkout-c1"), ["CheckoutOpened", "CheckoutExpired"]);
    stage.holds();
}

#[tokio::test]
async fn half_of_a_move_between_streams_cannot_be_asked_for_alone() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "20.00").await;
    stage.basket("c1", &[("o1", "m1", "100.00")]).await;
    let asks = [
        ("order", "o1", json!({"action": "fund", "parts": [], "shortfall": cny("100.00")})),
        (
            "order",
            "o1",
            json!({"action": "issue_refund", "refund": "r1", "of": "all", "borne_by": "deposit",
            "reason": "r"}),
        ),
        ("checkout", "c1", json!({"action": "return_allocation", "order": "o1", "reason": "r"})),
        (
            "deposit",
            "m1",
            json!({"action": "deduct", "amount": cny("1.00"), "reason": "r",
            "to": {"to": "buyer", "order": "o1"}}),
        ),
        ("deposit", "m1", json!({"action": "pay_from_balance", "hold": "h1", "amount": cny("1.00")})),
        (
            "merchant",
            "m1",
            json!({"action": "satisfy_deposit", "balance": cny("1.00"), "required": cny("1.00")}),
        ),
    ];
    let zero = cny("0.00");
    let invented = json!({"action": "close_settlement", "settlement": "s9", "until": "2026-03-01T00:00:00Z",
        "through": 100, "currency": "CNY", "carried_in": zero, "gross": cny("100.00"), "refunds": zero,
        "commission": zero, "fees": zero, "rewards": zero, "penalties": zero, "chargebacks": zero,
        "adjustments": zero, "total": cny("100.00"), "orders": 1, "lines": 2, "digest": "d9"});
    for (category, id, ask) in asks.into_iter().chain([("account", "m1", invented)]) {
        assert_eq!(stage.refused(category, id, ask).await, "follows_by_itself");
    }
    stage.holds();
}

#[tokio::test]
async fn read_models_follow_the_market() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::in_folder(folder.path(), Stage::start());
    stage.merchant("m1", "0.00").await;
    let (models, follower) = stage.market.follow(None, &mut |_| {}).unwrap();
    assert!(folder.path().join("story.views.db").exists());
    stage.basket("c1", &[("o1", "m1", "100.00")]).await;
    stage.pay("c1", "p1", "100.00").await;
    let head = stage.market.journal().head().unwrap();
    models.wait_at_least(head, std::time::Duration::from_secs(30)).unwrap();
    follower.stop();
    let live = models.digests().unwrap();
    models.rebuild(&[], &mut |_| {}).unwrap();
    assert_eq!(models.digests().unwrap(), live);
}

#[test]
fn a_store_that_this_version_lacks_is_named_with_what_to_use() {
    let opened = |url: &str| {
        let opened = daybook_market::Market::open(url, daybook_market::Options::default());
        opened.err().expect("it opened").to_string()
    };
    for url in ["postgres://db/market", "esdb://db", "kurrentdb+discover://db"] {
        let error = opened(url);
        assert!(error.contains("name a file for the read models, such as --read-models sqlite:"), "{error}");
    }
    assert!(opened("esdb:db").contains("write esdb://USER@HOST:2113"));
}
