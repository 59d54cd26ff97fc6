//! Stories of money that has left escrow: settled, held, taken back, paid, come back. Each ends with every account
//! of the books named and right, and every payout explained to the last cent.

use daybook_tests::stage::{Stage, cny};
use serde_json::json;

/// A market with a merchant of this deposit that sold `price`, was settled, and has no open escrow; commission 10 %.
async fn settled_sale(deposit: &str, price: &str) -> Stage {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", deposit).await;
    sale(&mut stage, 1, price).await;
    stage.settle_account("m1").await;
    stage
}

/// The nth basket of one order, paid, delivered and received.
async fn sale(stage: &mut Stage, n: u32, price: &str) {
    let (order, checkout) = (format!("o{n}"), format!("c{n}"));
    stage.basket(&checkout, &[(&order, "m1", price)]).await;
    stage.pay(&checkout, &format!("p{n}"), price).await;
    stage.deliver(&order).await;
    stage.ask("order", &order, json!({"action": "confirm_receipt", "by": "buyer"})).await;
}

async fn dispute(stage: &mut Stage, order: &str, claim: &str) {
    let open = json!({"action": "open_dispute", "dispute": "d1", "by": "buyer", "category": "quality",
        "claim": cny(claim)});
    stage.ask("order", order, open).await;
}

#[tokio::test]
async fn a_dispute_after_settlement_is_held_from_what_is_available_and_paid_once() {
    let mut stage = settled_sale("0.00", "100.00").await;
    assert_eq!(stage.account("Liabilities:MerchantAvailable:m1"), "-90.00");
    dispute(&mut stage, "o1", "40.00").await;
    assert_eq!(stage.account("Liabilities:MerchantHeld:m1"), "-40.00");
    // what is held is not paid out
    assert_eq!(stage.pay_out().await.amounts[0].minor, 5_000);
    // nobody answers: ruled for the buyer, closed when nobody appeals
    stage.days(20).await;
    assert_eq!(stage.account("Liabilities:MerchantHeld:m1"), "0.00");
    assert_eq!(stage.account("Liabilities:MerchantAvailable:m1"), "-40.00", "the hold is lifted");
    // what it came to owe since is not paid out, though it is not settled yet
    assert_eq!(stage.pay_out().await.amounts[0].minor, 400, "40 less the 36 that it owes");
    stage.settle_account("m1").await;
    assert_eq!(stage.account("Liabilities:MerchantAvailable:m1"), "0.00");
    stage.ends_with(&[
        ("Assets:Provider:alipay", "100.00"),
        ("Income:Commission:toys", "-6.00"),
        ("Liabilities:PayoutInTransit:m1", "-54.00"),
        ("Liabilities:Refunds:o1", "-40.00"),
    ]);
}

#[tokio::test]
async fn a_partial_refund_after_release_comes_out_of_the_next_settlement() {
    let mut stage = settled_sale("0.00", "100.00").await;
    let outcome = stage.pay_out().await;
    assert_eq!(outcome.requested, 1);
    stage.bank_pays("m1", "m1.2026-03-01.CNY").await;
    let refund = json!({"action": "issue_refund", "refund": "r1", "of": {"amount": cny("30.00")},
        "borne_by": "merchant", "reason": "a scratch"});
    stage.ask("order", "o1", refund).await;
    sale(&mut stage, 2, "50.00").await;
    stage.settle_account("m1").await;
    // 45 of the second sale, less 30 refunded, with 3 of its commission back
    assert_eq!(stage.account("Liabilities:MerchantAvailable:m1"), "-18.00");
    stage.days(1).await;
    stage.pay_out().await;
    let audit = stage.ends_with(&[
        ("Assets:Bank:icbc", "-90.00"),
        ("Assets:Provider:alipay", "150.00"),
        ("Income:Commission:toys", "-12.00"),
        ("Liabilities:PayoutInTransit:m1", "-18.00"),
        ("Liabilities:Refunds:o1", "-30.00"),
    ]);
    assert_eq!((audit.payouts, audit.settlements), (2, 2));
}

#[tokio::test]
async fn a_ruling_reversed_on_appeal_gives_the_merchant_its_money_back_at_the_markets_cost() {
    let mut stage = settled_sale("0.00", "100.00").await;
    dispute(&mut stage, "o1", "40.00").await;
    stage.ask("order", "o1", json!({"action": "answer_dispute", "dispute": "d1", "by": "merchant"})).await;
    // the longest text that is taken, so that what follows, which names its cause before it, has to shorten it
    let (broken, video) = ("broken; ".repeat(250), "é".repeat(1_000));
    let rule = json!({"action": "rule_dispute", "dispute": "d1", "for": "buyer", "refund": cny("40.00"),
        "penalty": cny("5.00"), "rule": {"version": 1, "clause": "7.2"}, "reason": broken});
    stage.ask("order", "o1", rule).await;
    stage
        .ask(
            "order",
            "o1",
            json!({"action": "appeal_dispute", "dispute": "d1", "by": "merchant", "reason": "video"}),
        )
        .await;
    stage.ask("order", "o1", json!({"action": "reverse_ruling", "dispute": "d1", "reason": video})).await;
    stage.settle_account("m1").await;
    let paid = stage.pay_out().await;
    assert_eq!(paid.held_back, 0);
    stage.ends_with(&[
        ("Assets:Provider:alipay", "100.00"),
        ("Expenses:Goodwill", "36.00"),
        ("Income:Commission:toys", "-6.00"),
        ("Income:FeeWaived", "5.00"),
        ("Income:Penalty", "-5.00"),
        ("Liabilities:PayoutInTransit:m1", "-90.00"),
        ("Liabilities:Refunds:o1", "-40.00"),
    ]);
}

#[tokio::test]
async fn a_chargeback_lost_after_the_payout_takes_the_deposit_and_the_market_bears_the_rest() {
    let mut stage = settled_sale("30.00", "100.00").await;
    stage.pay_out().await;
    stage.bank_pays("m1", "m1.2026-03-01.CNY").await;
    let received = json!({"action": "receive_chargeback", "chargeback": "cb1", "payment": "p1",
        "amount": cny("100.00"), "reason": "fraud"});
    stage.ask("checkout", "c1", received).await;
    stage.ask("checkout", "c1", json!({"action": "lose_chargeback", "chargeback": "cb1"})).await;
    stage.settle_account("m1").await;
    sale(&mut stage, 2, "200.00").await;
    stage.settle_account("m1").await;
    stage.days(1).await;
    stage.pay_out().await;
    stage.ends_with(&[
        ("Assets:Bank:icbc", "-90.00"),
        ("Assets:Provider:alipay", "200.00"),
        ("Assets:Provider:bank", "30.00"),
        ("Expenses:ChargebackLoss", "70.00"),
        ("Income:Commission:toys", "-27.00"),
        ("Liabilities:PayoutInTransit:m1", "-183.00"),
    ]);
}

#[tokio::test]
async fn a_payout_that_came_back_is_not_paid_blocks_its_destination_and_is_paid_to_another() {
    let mut stage = settled_sale("0.00", "100.00").await;
    stage.pay_out().await;
    let first = "m1.2026-03-01.CNY";
    stage.bank_pays("m1", first).await;
    assert_eq!(stage.ask_models(|models| models.payout(first).unwrap()[0].paid_amount), 9_000);
    let back =
        json!({"action": "return_payout", "payout": first, "bank": "icbc", "reason": "account closed"});
    stage.ask("account", "m1", back).await;
    let row = stage.ask_models(|models| models.payout(first).unwrap().remove(0));
    assert_eq!((row.state.as_str(), row.paid_amount), ("returned", 0), "a returned payout is not paid");
    stage.days(1).await;
    let blocked = stage.pay_out().await;
    assert_eq!((blocked.requested, blocked.reasons[0].code), (0, "destination_blocked"));
    let by_hand = json!({"action": "request_payout", "payout": "p-2", "amount": cny("60.00"),
        "destination_ref": "new-bank/7"});
    stage.ask("account", "m1", by_hand).await;
    // the rest follows it, by itself
    let rest = stage.pay_out().await;
    assert_eq!((rest.requested, rest.amounts[0].minor), (1, 3_000));
    stage.bank_pays("m1", "p-2").await;
    stage.ends_with(&[
        ("Assets:Bank:icbc", "-60.00"),
        ("Assets:Provider:alipay", "100.00"),
        ("Income:Commission:toys", "-10.00"),
        ("Liabilities:PayoutInTransit:m1", "-30.00"),
    ]);
}

#[tokio::test]
async fn an_adjustment_takes_two_persons_and_is_settled_with_the_rest() {
    let mut stage = settled_sale("0.00", "100.00").await;
    let propose = json!({"action": "propose_adjustment", "adjustment": "a1", "amount": cny("12.50"),
        "direction": "for_merchant", "reason": "freight billed twice", "document_ref": "doc/77"});
    stage.ask("account", "m1", propose).await;
    assert_eq!(stage.account("Expenses:Adjustment"), "0.00", "it moves nothing yet");
    let approve = json!({"action": "approve_adjustment", "adjustment": "a1"});
    assert_eq!(stage.refused("account", "m1", approve.clone()).await, "same_person");
    let mut second = stage.request("account", "m1", &approve);
    second.actor = "controller".parse().unwrap();
    stage.market.execute(second).await.unwrap();
    stage.settle_account("m1").await;
    stage.pay_out().await;
    stage.ends_with(&[
        ("Assets:Provider:alipay", "100.00"),
        ("Expenses:Adjustment", "12.50"),
        ("Income:Commission:toys", "-10.00"),
        ("Liabilities:PayoutInTransit:m1", "-102.50"),
    ]);
}

#[tokio::test]
async fn a_reserve_is_held_and_released_and_paid_as_part_of_its_settlement() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    let terms = json!({"action": "agree_fee_schedule", "effective_from": "2026-03-01T08:00:00Z",
        "default_commission": "0.10", "deposit_required": cny("0.00"),
        "settlement": {"cycle": "weekly", "days": 0, "minimum_payout": cny("10.00")},
        "reserve": {"share": "0.20", "days": 14}});
    stage.ask("merchant", "m1", terms).await;
    sale(&mut stage, 1, "100.00").await;
    stage.settle_account("m1").await;
    assert_eq!(stage.account("Liabilities:MerchantReserve:m1"), "-18.00");
    assert_eq!(stage.pay_out().await.amounts[0].minor, 7_200);
    stage.days(15).await;
    assert_eq!(stage.account("Liabilities:MerchantReserve:m1"), "0.00", "its deadline has released it");
    assert_eq!(stage.pay_out().await.amounts[0].minor, 1_800);
    let audit = stage.ends_with(&[
        ("Assets:Provider:alipay", "100.00"),
        ("Income:Commission:toys", "-10.00"),
        ("Liabilities:PayoutInTransit:m1", "-90.00"),
    ]);
    assert_eq!((audit.payouts, audit.settlements), (2, 1));
}

#[tokio::test]
async fn a_negative_balance_is_carried_until_sales_cover_it() {
    let mut stage = settled_sale("0.00", "100.00").await;
    stage.pay_out().await;
    let penalty = json!({"action": "charge_penalty", "amount": cny("25.00"), "reason": "rule 3:7.2: late"});
    stage.ask("account", "m1", penalty).await;
    stage.settle_account("m1").await;
    assert_eq!(stage.account("Liabilities:MerchantPending:m1"), "25.00", "it owes");
    sale(&mut stage, 2, "10.00").await;
    stage.settle_account("m1").await;
    assert_eq!(stage.account("Liabilities:MerchantPending:m1"), "16.00", "it owes less");
    let much =
        json!({"action": "request_payout", "payout": "p-9", "amount": cny("0.01"), "destination_ref": "x"});
    assert_eq!(stage.refused("account", "m1", much).await, "payout_exceeds_available");
    sale(&mut stage, 3, "100.00").await;
    stage.settle_account("m1").await;
    stage.days(1).await;
    assert_eq!(stage.pay_out().await.amounts[0].minor, 7_400);
    stage.ends_with(&[
        ("Assets:Provider:alipay", "210.00"),
        ("Income:Commission:toys", "-21.00"),
        ("Income:Penalty", "-25.00"),
        ("Liabilities:PayoutInTransit:m1", "-164.00"),
    ]);
}

#[tokio::test]
async fn a_payout_is_converted_and_what_comes_back_of_it_is_paid_again_in_its_currency() {
    let mut stage = settled_sale("0.00", "100.00").await;
    stage.pay_out().await;
    let first = "m1.2026-03-01.CNY";
    let convert = json!({"action": "convert_payout", "payout": first, "currency": "USD", "rate": "0.14",
        "rate_ref": "desk/2026-03-01", "spread": cny("2.00")});
    stage.ask("account", "m1", convert).await;
    stage.bank_pays("m1", first).await;
    let row = stage.ask_models(|models| models.payout(first).unwrap().remove(0));
    assert_eq!((row.paid_currency.as_str(), row.paid_amount, row.amount), ("USD", 1_232, 9_000));
    let back =
        json!({"action": "return_payout", "payout": first, "bank": "icbc", "reason": "account closed"});
    stage.ask("account", "m1", back).await;
    let again = json!({"action": "request_payout", "payout": "p-2",
        "amount": {"amount": "12.32", "currency": "USD"}, "destination_ref": "new-bank/7"});
    stage.ask("account", "m1", again).await;
    stage.bank_pays("m1", "p-2").await;
    stage.ends_with(&[
        ("Assets:Bank:icbc USD", "-12.32"),
        ("Assets:Provider:alipay", "100.00"),
        ("Equity:Conversion", "-88.00"),
        ("Equity:Conversion USD", "12.32"),
        ("Income:Commission:toys", "-10.00"),
        ("Income:FX", "-2.00"),
    ]);
}

#[tokio::test]
async fn a_refund_during_a_dispute_counts_and_nothing_is_debited_twice() {
    let mut stage = settled_sale("0.00", "100.00").await;
    dispute(&mut stage, "o1", "40.00").await;
    let refund = json!({"action": "issue_refund", "refund": "r1", "of": {"amount": cny("25.00")},
        "borne_by": "merchant", "reason": "to settle it"});
    stage.ask("order", "o1", refund).await;
    stage.days(20).await;
    stage.settle_account("m1").await;
    stage.pay_out().await;
    stage.ends_with(&[
        ("Assets:Provider:alipay", "100.00"),
        ("Income:Commission:toys", "-6.00"),
        ("Liabilities:PayoutInTransit:m1", "-54.00"),
        ("Liabilities:Refunds:o1", "-40.00"),
    ]);
}

#[tokio::test]
async fn an_assessment_is_rewarded_by_its_tier_once_a_period() {
    let mut stage = settled_sale("0.00", "100.00").await;
    let assess = |period: &str, tier: &str, passed: bool| json!({"action": "assess", "period": period, "figures": [], "score": "4.7", "tier": tier, "passed": passed});
    stage.ask("merchant", "m1", assess("2025-Q4", "gold", true)).await;
    assert_eq!(stage.account("Expenses:Reward"), "0.00", "no tier has a reward yet");
    let mut policy = serde_json::to_value(daybook_domain::books::Policy::default()).unwrap();
    policy["tier_rewards"] =
        json!([{"tier": "gold", "amount": cny("30.00")}, {"tier": "silver", "amount": cny("10.00")}]);
    stage.ask("market", "main", json!({"action": "adopt_policy", "policy": policy})).await;
    stage.ask("merchant", "m1", assess("2026-Q1", "gold", true)).await;
    stage.ask("merchant", "m1", assess("2026-Q1", "silver", true)).await;
    stage.ask("merchant", "m1", assess("2026-Q2", "silver", true)).await;
    stage.ask("merchant", "m1", assess("2026-Q3", "gold", false)).await;
    stage.settle_account("m1").await;
    stage.pay_out().await;
    stage.ends_with(&[
        ("Assets:Provider:alipay", "100.00"),
        ("Expenses:Reward", "40.00"),
        ("Income:Commission:toys", "-10.00"),
        ("Liabilities:PayoutInTransit:m1", "-130.00"),
    ]);
}

#[tokio::test]
async fn what_a_merchant_that_left_still_owes_is_taken_from_its_deposit_and_the_rest_written_off_by_two() {
    let mut stage = settled_sale("20.00", "100.00").await;
    stage.pay_out().await;
    stage.bank_pays("m1", "m1.2026-03-01.CNY").await;
    let penalty =
        json!({"action": "charge_penalty", "amount": cny("25.00"), "reason": "rule 3:7.2: forged papers"});
    stage.ask("account", "m1", penalty).await;
    stage.settle_account("m1").await;
    stage.ask("merchant", "m1", json!({"action": "terminate", "reason": "fraud"})).await;
    let deduct = json!({"action": "deduct", "amount": cny("20.00"), "reason": "it has left and owes",
        "to": {"to": "merchant_balance"}});
    stage.ask("deposit", "m1", deduct).await;
    let write_off = json!({"action": "propose_adjustment", "adjustment": "bad-debt", "amount": cny("5.00"),
        "direction": "for_merchant", "reason": "bad debt: it has left"});
    stage.ask("account", "m1", write_off).await;
    let approve = json!({"action": "approve_adjustment", "adjustment": "bad-debt"});
    assert_eq!(stage.refused("account", "m1", approve.clone()).await, "same_person");
    let mut second = stage.request("account", "m1", &approve);
    second.actor = "controller".parse().unwrap();
    stage.market.execute(second).await.unwrap();
    stage.settle_account("m1").await;
    let nothing = stage.pay_out().await;
    assert_eq!((nothing.requested, nothing.held_back), (0, 0));
    stage.ends_with(&[
        ("Assets:Bank:icbc", "-90.00"),
        ("Assets:Provider:alipay", "100.00"),
        ("Assets:Provider:bank", "20.00"),
        ("Expenses:Adjustment", "5.00"),
        ("Income:Commission:toys", "-10.00"),
        ("Income:Penalty", "-25.00"),
    ]);
}

#[tokio::test]
async fn a_suspended_merchant_is_not_paid_and_the_run_says_why() {
    let mut stage = settled_sale("0.00", "100.00").await;
    stage.ask("merchant", "m1", json!({"action": "suspend", "reason": "fraud suspected"})).await;
    let held = stage.pay_out().await;
    assert_eq!((held.requested, held.reasons[0].code), (0, "merchant_suspended"));
    stage.ask("merchant", "m1", json!({"action": "reinstate", "reason": "cleared"})).await;
    assert_eq!(stage.pay_out().await.requested, 1);
    assert_eq!(stage.pay_out().await.already, 1, "run twice, it does nothing more");
    stage.ends_with(&[
        ("Assets:Provider:alipay", "100.00"),
        ("Income:Commission:toys", "-10.00"),
        ("Liabilities:PayoutInTransit:m1", "-90.00"),
    ]);
}
