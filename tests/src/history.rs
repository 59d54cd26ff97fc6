//! Histories of a market in which anybody asks anything in any order: of a seed the same, whatever journal it lives on.

use daybook_domain::account::MerchantAccount;
use serde_json::{Value, json};

use crate::stage::{Stage, cny};

/// A small generator: the same numbers for the same seed, for ever.
pub struct Dice(pub u64);

impl Dice {
    /// One of so many sides, from 0.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn amount(&mut self) -> Value {
        cny(["5.00", "12.34", "40.00", "66.67", "100.00"][self.roll(5)])
    }
}

/// Something that somebody might ask next.
fn ask(dice: &mut Dice, n: usize) -> (&'static str, String, Value) {
    let order = format!("o{}", 1 + dice.roll(3));
    let checkout = format!("c{}", 1 + dice.roll(2));
    let of_order = |ask| ("order", order.clone(), ask);
    let of_checkout = |ask| ("checkout", checkout.clone(), ask);
    let party = ["buyer", "merchant", "market"][dice.roll(3)];
    let some = json!([{"line": "1", "quantity": 1 + dice.roll(2)}]);
    match dice.roll(36) {
        0 | 1 => {
            let payment = format!("p{n}");
            of_checkout(
                json!({"action": "capture", "payment": payment, "method": "wallet", "provider": "alipay",
                "provider_ref": format!("t{n}"), "amount": dice.amount()}),
            )
        }
        2 => of_checkout(
            json!({"action": "accept_shortfall", "by": "boss", "reason": "r", "amount": dice.amount()}),
        ),
        3 => of_checkout(json!({"action": "refund_unallocated", "reason": "r"})),
        4 => of_checkout(json!({"action": "cancel", "reason": "r"})),
        5 => of_checkout(json!({"action": "receive_chargeback", "chargeback": format!("cb{}", dice.roll(3)),
            "payment": format!("p{}", dice.roll(n + 1)), "amount": dice.amount(), "reason": "r"})),
        6 => of_checkout(json!({"action": "win_chargeback", "chargeback": format!("cb{}", dice.roll(3))})),
        7 => of_checkout(json!({"action": "lose_chargeback", "chargeback": format!("cb{}", dice.roll(3))})),
        8 | 9 => of_order(json!({"action": "ship", "shipment": format!("s{n}"), "mode": "parcel"})),
        10 | 11 => of_order(json!({"action": "deliver", "shipment": format!("s{}", dice.roll(n + 1))})),
        12 | 13 => of_order(json!({"action": "confirm_receipt", "by": "buyer"})),
        14 => of_order(json!({"action": "cancel", "by": party, "reason": "r", "refund": format!("r{n}")})),
        15 => of_order(
            json!({"action": "refund_escrow", "refund": format!("r{n}"), "of": {"amount": dice.amount()},
            "reason": "r"}),
        ),
        16 | 17 => {
            let bearer = ["merchant", "platform", "deposit"][dice.roll(3)];
            of_order(
                json!({"action": "issue_refund", "refund": format!("r{n}"), "of": {"amount": dice.amount()},
                "borne_by": bearer, "reason": "r"}),
            )
        }
        18 | 19 => {
            of_order(json!({"action": "open_dispute", "dispute": format!("d{}", dice.roll(3)), "by": party,
            "category": "quality", "claim": dice.amount()}))
        }
        20 => of_order(
            json!({"action": "escalate_dispute", "dispute": format!("d{}", dice.roll(3)), "by": party}),
        ),
        21 | 22 => of_order(
            json!({"action": "rule_dispute", "dispute": format!("d{}", dice.roll(3)), "for": "buyer",
            "penalty": cny(["0.00", "9.00"][dice.roll(2)]), "rule": {"version": 1, "clause": "q"}, "reason": "r"}),
        ),
        23 => {
            of_order(json!({"action": "appeal_dispute", "dispute": format!("d{}", dice.roll(3)), "by": party,
            "reason": "r"}))
        }
        24 => of_order(
            json!({"action": "reverse_ruling", "dispute": format!("d{}", dice.roll(3)), "reason": "r"}),
        ),
        25 => of_order(
            json!({"action": "withdraw_dispute", "dispute": format!("d{}", dice.roll(3)), "by": party}),
        ),
        27 => {
            of_order(json!({"action": "ship", "shipment": format!("s{n}"), "mode": "parcel", "lines": some}))
        }
        28 => of_order(json!({"action": "confirm_receipt", "by": "buyer", "lines": some})),
        29 => {
            of_order(json!({"action": "cancel", "by": "merchant", "reason": "r", "refund": format!("r{n}"),
            "lines": some}))
        }
        30 => of_order(json!({"action": "issue_refund", "refund": format!("r{n}"), "of": {"pieces": some},
            "borne_by": "merchant", "reason": "r"})),
        31 => of_order(
            json!({"action": "refund_escrow", "refund": format!("r{n}"), "of": "all", "reason": "r"}),
        ),
        32 => of_order(json!({"action": "refuse_receipt", "reason": "r", "lines": some})),
        33 | 34 => of_order(json!({"action": "pay_refund", "refund": format!("r{}", dice.roll(n + 1)),
            "parts": [{"payment": "p0", "provider": "alipay", "amount": cny("5.00")}]})),
        26 => of_order(json!({"action": "request_return", "return": format!("e{n}"), "reason": "r"})),
        _ => (
            "account",
            "m1".to_owned(),
            json!({"action": "charge_penalty", "amount": dice.amount(), "reason": "r"}),
        ),
    }
}

/// What runs and banks do now and then, refused or not; the settlements closed.
async fn money_moves(stage: &mut Stage, dice: &mut Dice, n: usize) -> u64 {
    let merchant = ["m1", "m2"][dice.roll(2)];
    match dice.roll(24) {
        0 | 1 => return stage.settle_account(merchant).await.settlements,
        2 | 3 => drop(stage.pay_out().await),
        4..=11 => {
            let account = stage.market.commands().state::<MerchantAccount>(merchant).expect("it reads").0;
            let payouts: Vec<_> = account.payouts().collect();
            let Some((payout, known)) = payouts.get(dice.roll(payouts.len().max(1))) else { return 0 };
            let asks = [
                json!({"action": "send_payout", "payout": payout, "provider_ref": format!("b{n}")}),
                json!({"action": "confirm_payout", "payout": payout, "bank": "icbc", "fee": cny("0.10")}),
                json!({"action": "confirm_payout", "payout": payout, "bank": "icbc"}),
                json!({"action": "fail_payout", "payout": payout, "reason": "r"}),
                json!({"action": "return_payout", "payout": payout, "bank": "icbc", "reason": "r"}),
                json!({"action": "unblock_destination", "destination_ref": known.destination_ref}),
                json!({"action": "request_payout", "payout": format!("h{n}"), "amount": dice.amount(),
                    "destination_ref": "new-bank/7"}),
            ];
            drop(stage.try_ask("account", merchant, asks[dice.roll(asks.len())].clone()).await);
        }
        _ => {}
    }
    0
}

/// An order of two lines and four pieces with shipping, tax and a subsidy of the market: the buyer pays 60 of 68.88.
async fn rich_basket(stage: &mut Stage) {
    let line = |line: &str, quantity: u32, price: &str| {
        json!({"line": line, "product": "p-1", "category": "toys", "quantity": quantity, "unit_price": cny(price),
            "discount": cny("0.00")})
    };
    let place = json!({"action": "place", "checkout": "c2", "buyer": "b-1", "merchant": "m1",
        "lines": [line("1", 3, "13.33"), line("2", 1, "20.01")], "shipping": cny("5.55"),
        "tax": {"jurisdiction": "cn", "amount": cny("3.33")},
        "subsidies": [{"campaign": "spring", "amount": cny("8.88")}], "sales_channel": "own"});
    stage.ask("order", "o3", place).await;
    let open = json!({"action": "open", "buyer": "b-1", "currency": "CNY",
        "orders": [{"order": "o3", "merchant": "m1", "buyer_pays": cny("60.00")}]});
    stage.ask("checkout", "c2", open).await;
}

/// What a history came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lived {
    /// Acts that were accepted.
    pub accepted: u64,
    /// Settlements closed.
    pub settlements: u64,
}

/// Lets a market that has not begun live through the history of a seed: two merchants, three orders, and so many acts.
pub async fn live(stage: &mut Stage, seed: u64, acts: usize) -> Lived {
    let mut dice = Dice(seed);
    let mut lived = Lived::default();
    stage.merchant("m1", "50.00").await;
    stage.merchant("m2", "0.00").await;
    stage.basket("c1", &[("o1", "m1", "66.67"), ("o2", "m2", "33.33")]).await;
    rich_basket(stage).await;
    // money first, so that most histories go somewhere
    stage.pay("c1", "p0", "100.00").await;
    stage.pay("c2", "p0", ["60.00", "55.50", "70.00"][dice.roll(3)]).await;
    for n in 1..acts {
        let (category, id, command) = ask(&mut dice, n);
        lived.accepted += u64::from(stage.try_ask(category, &id, command).await.is_ok());
        lived.settlements += money_moves(stage, &mut dice, n).await;
        // sometimes several acts meet before any reactor runs
        if dice.roll(3) > 0 {
            stage.settle().await;
        }
        if dice.roll(12) == 0 {
            stage.days(1 + dice.roll(11) as u32).await;
        }
    }
    stage.days(40).await;
    for merchant in ["m1", "m2"] {
        lived.settlements += stage.settle_account(merchant).await.settlements;
    }
    stage.pay_out().await;
    lived
}
