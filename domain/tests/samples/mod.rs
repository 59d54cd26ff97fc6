//! A sample of every way in which an event posts. The name begins with the event's type.

use daybook_domain::Event;
use serde_json::{Value, json};

fn cny(amount: &str) -> Value {
    json!({"amount": amount, "currency": "CNY"})
}

fn usd(amount: &str) -> Value {
    json!({"amount": amount, "currency": "USD"})
}

fn tax(amount: &str) -> Value {
    json!({"jurisdiction": "CN", "amount": cny(amount)})
}

fn subsidies(amount: &str) -> Value {
    json!([{"campaign": "sale", "amount": cny(amount)}])
}

fn part(payment: &str, provider: &str, amount: &str) -> Value {
    let method = if provider == "stored-value" { "stored_value" } else { "card" };
    json!({"payment": payment, "provider": provider, "method": method, "amount": cny(amount)})
}

fn back(payment: &str, provider: &str, amount: &str) -> Value {
    json!({"payment": payment, "provider": provider, "amount": cny(amount)})
}

/// gross 100.00 = 89.00 to the buyer + 10.00 subsidy + 1.00 shortfall, 6.00 of it tax.
fn share(by: &str) -> Value {
    let platform = by == "platform";
    json!({
        "by": by,
        "gross": cny(if platform { "89.00" } else { "100.00" }),
        "to_buyer": cny("89.00"),
        "subsidies_back": if platform { json!([]) } else { subsidies("10.00") },
        "shortfall_back": cny(if platform { "0.00" } else { "1.00" }),
        "tax_back": if platform { Value::Null } else { tax("6.00") },
    })
}

fn plain_deposit_share() -> Value {
    json!({"by": "deposit", "gross": cny("5.00"), "to_buyer": cny("5.00"), "subsidies_back": [],
        "shortfall_back": cny("0.00")})
}

fn refund_issued(shares: Value) -> Value {
    json!({"refund": "r1", "lines": [], "to_buyer": cny("89.00"), "borne_by": shares, "parts": [],
        "reason": "broken"})
}

fn closed(outcome: &str, shares: Value, loss: &str, escrow: Value) -> Value {
    json!({"chargeback": "k1", "payment": "p1", "provider": "bank", "outcome": outcome,
        "amount": cny("100.00"), "round": 1, "borne_by": shares, "lines": [], "loss": cny(loss),
        "from_escrow": escrow})
}

fn settlement(total: &str, reserve: &str, taken: &str, carried_out: &str) -> Value {
    json!({"settlement": "s1", "until": "2018-04-01T00:00:00Z", "through": 7, "currency": "CNY",
        "carried_in": cny("0.00"), "gross": cny(total), "refunds": cny("0.00"), "commission": cny("0.00"),
        "fees": cny("0.00"), "rewards": cny("0.00"), "penalties": cny("0.00"), "chargebacks": cny("0.00"),
        "adjustments": cny("0.00"), "total": cny(total), "held_as_reserve": cny(reserve),
        "taken_from_available": cny(taken), "carried_out": cny(carried_out), "orders": 1, "lines": 1,
        "digest": "00"})
}

/// `because` is read by the reversal only.
fn commission() -> Value {
    json!({"lines": [
        {"line": "1", "category": "toys", "base": cny("100.00"), "rate": "0.05", "amount": cny("5.00")},
        {"line": "2", "category": "books", "base": cny("50.00"), "rate": "0.10", "amount": cny("5.00")},
        {"line": "3", "category": "toys", "base": cny("20.00"), "rate": "0.05", "amount": cny("1.00")},
    ], "amount": cny("11.00"), "vat": cny("0.66"), "because": "refund"})
}

fn deducted(to: Value, hold: Value) -> Value {
    let mut event = json!({"amount": cny("10.00"), "reason": "ruled", "to": to});
    if !hold.is_null() {
        event["hold"] = hold;
    }
    event
}

/// `base` and `rate` are read by the accrual, `reason` by the reversal.
fn affiliate() -> Value {
    json!({"accrual": "a1", "order": "o1", "partner": "blog", "base": cny("200.00"), "rate": "0.05",
        "amount": cny("10.00"), "funded_by": "market", "reason": "returned"})
}

/// Every sample, in the order of the posting table.
pub fn samples() -> Vec<(&'static str, Event)> {
    let ten = || cny("10.00");
    let by = |provider: &str| json!({"amount": ten(), "provider": provider, "provider_ref": "x1"});
    let all = [
        ("DepositPaid", by("bank")),
        ("DepositRefunded", by("bank")),
        ("DepositPaidFromBalance", json!({"amount": ten(), "hold": "h1"})),
        ("DepositFrozen", json!({"hold": "h1", "amount": ten(), "reason": "claim"})),
        ("DepositReleased", json!({"hold": "h1", "amount": ten()})),
        ("DepositDeducted, to a buyer", deducted(json!({"to": "buyer", "order": "o2"}), Value::Null)),
        ("DepositDeducted, held, as a penalty", deducted(json!({"to": "penalty"}), json!("h1"))),
        ("DepositDeducted, to the balance", deducted(json!({"to": "merchant_balance"}), Value::Null)),
        ("DepositRestored", json!({"amount": ten(), "order": "o1", "dispute": "d1", "reason": "reversed"})),
        (
            "PaymentCaptured",
            json!({"payment": "p1", "method": "card", "provider": "bank", "provider_ref": "x1",
                "amount": cny("100.00"), "fee": cny("0.60")}),
        ),
        ("StoredValueUsed", json!({"payment": "g1", "instrument": "card-1", "amount": ten()})),
        ("PaymentReversed", json!({"payment": "p1", "provider": "bank", "amount": ten()})),
        (
            "DifferenceRecognised, interest",
            json!({"payment": "p1", "amount": ten(), "as": "instalment_interest", "by": "clerk"}),
        ),
        (
            "DifferenceRecognised, rounding",
            json!({"payment": "p1", "amount": ten(), "as": "rounding", "by": "clerk"}),
        ),
        (
            "UnallocatedRefunded",
            json!({"parts": [back("p1", "bank", "7.00"), back("g1", "stored-value", "3.00")], "reason": "late"}),
        ),
        (
            "EscrowFunded",
            json!({"parts": [part("p1", "bank", "80.00"), part("g1", "stored-value", "9.00")],
                "shortfall": cny("1.00"), "subsidies": subsidies("10.00")}),
        ),
        ("EscrowReleased", json!({"lines": [], "to_merchant": cny("94.00"), "tax": tax("6.00")})),
        ("EscrowReleased, without tax", json!({"lines": [], "to_merchant": cny("94.00")})),
        (
            "EscrowRefunded",
            json!({"refund": "r1", "lines": [], "to_buyer": cny("89.00"), "subsidies_back": subsidies("10.00"),
                "shortfall_back": cny("1.00"), "parts": [], "reason": "late", "tax_back": tax("6.00")}),
        ),
        ("CommissionCharged", commission()),
        ("CommissionReversed", commission()),
        ("RefundIssued, borne by merchant", refund_issued(json!([share("merchant")]))),
        ("RefundIssued, borne by deposit", refund_issued(json!([share("deposit")]))),
        (
            "RefundIssued, borne by deposit, nothing of the market's in it",
            refund_issued(json!([plain_deposit_share()])),
        ),
        ("RefundIssued, borne by platform", refund_issued(json!([share("platform")]))),
        (
            "RefundIssued, borne by all three",
            refund_issued(json!([share("merchant"), share("deposit"), share("platform")])),
        ),
        (
            "RefundPaid",
            json!({"refund": "r1", "parts": [back("p1", "bank", "80.00"), back("g1", "stored-value", "9.00")]}),
        ),
        ("RefundFailed", json!({"refund": "r1", "parts": [back("p1", "bank", "80.00")], "reason": "closed"})),
        (
            "ReturnFreightCharged, to the merchant",
            json!({"return": "t1", "amount": ten(), "to": "merchant", "provider": "courier"}),
        ),
        (
            "ReturnFreightCharged, to the market",
            json!({"return": "t1", "amount": ten(), "to": "market", "provider": "courier"}),
        ),
        (
            "ReturnFreightCharged, to the buyer",
            json!({"return": "t1", "amount": ten(), "to": "buyer", "provider": "courier"}),
        ),
        (
            "RulingReversed",
            json!({"dispute": "d1", "to_merchant": cny("80.00"), "to_deposit": cny("20.00"), "reason": "wrong"}),
        ),
        (
            "ChargebackReceived",
            json!({"chargeback": "k1", "payment": "p1", "provider": "bank", "amount": cny("100.00"), "parts": [],
                "reason": "fraud", "fee": cny("15.00")}),
        ),
        (
            "ChargebackWon",
            json!({"chargeback": "k1", "payment": "p1", "provider": "bank", "amount": cny("100.00"), "parts": [],
                "round": 1}),
        ),
        (
            "ChargebackLost",
            json!({"chargeback": "k1", "payment": "p1", "provider": "bank", "amount": cny("100.00"), "parts": [],
                "from_unallocated": cny("4.00"), "loss": cny("6.00"), "round": 1}),
        ),
        ("ChargebackClosed, won", closed("won", json!([]), "0.00", Value::Null)),
        (
            "ChargebackClosed, lost from escrow",
            closed(
                "lost",
                json!([]),
                "0.00",
                json!({"lines": [], "to_buyer": cny("89.00"), "subsidies_back": subsidies("10.00"),
                    "shortfall_back": cny("1.00"), "tax_back": tax("6.00")}),
            ),
        ),
        (
            "ChargebackClosed, lost by merchant",
            closed("lost", json!([share("merchant")]), "0.00", Value::Null),
        ),
        ("ChargebackClosed, lost by deposit", closed("lost", json!([share("deposit")]), "0.00", Value::Null)),
        (
            "ChargebackClosed, lost by platform, part refunded before",
            closed("lost", json!([share("platform")]), "11.00", Value::Null),
        ),
        ("PlatformFeeCharged", json!({"period": "2018-03", "amount": cny("100.00"), "vat": cny("6.00")})),
        ("AdvertisingFeeCharged", json!({"campaign": "sale", "amount": cny("100.00"), "vat": cny("6.00")})),
        ("PenaltyCharged", json!({"amount": ten(), "reason": "late"})),
        ("FeeWaived", json!({"amount": ten(), "reason": "sorry", "by": "clerk"})),
        ("RewardGranted", json!({"amount": ten(), "period": "2018-03", "kind": "growth"})),
        ("SettlementClosed, above zero", settlement("100.00", "10.00", "0.00", "0.00")),
        ("SettlementClosed, below zero", settlement("-100.00", "0.00", "60.00", "-40.00")),
        ("ReserveReleased", json!({"settlement": "s1", "amount": ten()})),
        ("BalanceHeld", json!({"hold": "h1", "amount": ten(), "reason": "claim"})),
        ("BalanceHoldLifted", json!({"hold": "h1", "amount": ten()})),
        ("PayoutRequested", json!({"payout": "y1", "amount": ten(), "destination_ref": "acct"})),
        ("PayoutFailed", json!({"payout": "y1", "amount": ten(), "reason": "closed"})),
        ("PayoutConfirmed", json!({"payout": "y1", "amount": ten(), "bank": "main", "fee": cny("0.50")})),
        (
            "PayoutReturned",
            json!({"payout": "y1", "amount": ten(), "bank": "main", "destination_ref": "acct", "reason": "closed"}),
        ),
        (
            "PayoutConverted",
            json!({"payout": "y1", "from": cny("650.00"), "to": usd("100.00"), "rate": "6.4", "rate_ref": "fx1",
                "spread": cny("10.00")}),
        ),
        (
            "AdjustmentApproved, for the merchant",
            json!({"adjustment": "a1", "amount": ten(), "direction": "for_merchant", "reason": "x", "by": "boss"}),
        ),
        (
            "AdjustmentApproved, against the merchant",
            json!({"adjustment": "a1", "amount": ten(), "direction": "against_merchant", "reason": "x",
                "by": "boss"}),
        ),
        (
            "CampaignSpendRecorded",
            json!({"spend": "s1", "channel": "baidu", "day": "2018-03-01", "kind": "media", "amount": ten(),
                "impressions": 1, "clicks": 1, "funded_by": "market"}),
        ),
        (
            "CampaignSpendRecorded, borne by the merchant",
            json!({"spend": "s1", "channel": "baidu", "day": "2018-03-01", "kind": "media", "amount": ten(),
                "impressions": 1, "clicks": 1, "funded_by": "merchant"}),
        ),
        ("PointsEarned", json!({"order": "o1", "points": 100, "value": ten()})),
        (
            "PointsReversed",
            json!({"order": "o1", "points": 100, "value": ten(), "spent": 0, "reason": "returned"}),
        ),
        ("PointsExpired", json!({"expiry": "e1", "points": 100, "value": ten()})),
        (
            "PointsConverted, to coupons",
            json!({"conversion": "x1", "to": "coupon", "points": 100, "value": ten()}),
        ),
        (
            "PointsConverted, to a balance",
            json!({"conversion": "x1", "to": "cash", "points": 100, "value": ten()}),
        ),
        (
            "EscrowFunded, with a coupon of points",
            json!({"parts": [part("p1", "bank", "80.00")], "shortfall": cny("0.00"),
                "subsidies": [{"campaign": "points-coupons", "amount": cny("10.00")}]}),
        ),
        ("AffiliateCommissionAccrued", affiliate()),
        ("AffiliateCommissionReversed", affiliate()),
        (
            "AffiliateCommissionPaid",
            json!({"partner": "blog", "amount": ten(), "bank": "main", "reference": "x1"}),
        ),
        (
            "ProviderPaidOut",
            json!({"provider": "bank", "amount": cny("99.00"), "bank": "main", "reference": "x1",
                "fee": cny("1.00")}),
        ),
        ("TaxRemitted", json!({"jurisdiction": "CN", "amount": ten(), "bank": "main", "reference": "x1"})),
        ("PayableSettled", json!({"channel": "search", "amount": ten(), "bank": "main", "reference": "x1"})),
        ("OwnFundsMoved", json!({"from": "main", "to": "spare", "amount": ten(), "reference": "x1"})),
        (
            "JournalVoucher",
            json!({"voucher": "v1", "entries": [
                {"account": "Assets:Bank:main", "side": "debit", "amount": ten()},
                {"account": "Equity:Capital", "side": "credit", "amount": ten()},
            ], "reason": "funding", "proposed_by": "clerk", "approved_by": "boss"}),
        ),
        (
            "BreakResolved",
            json!({"break": "k1", "digest": "d1", "how": "posted", "note": "their fee", "by": "clerk", "entries": [
                {"account": "Expenses:ProviderFee:alipay", "side": "debit", "amount": ten()},
                {"account": "Assets:Provider:alipay", "side": "credit", "amount": ten()},
            ], "approved_by": "boss"}),
        ),
    ];
    all.into_iter().map(|(name, data)| (name, read(name, data))).collect()
}

fn read(name: &str, mut data: Value) -> Event {
    // an optional field that is absent is absent, not null
    if let Value::Object(fields) = &mut data {
        fields.retain(|_, value| !value.is_null());
    }
    let kind = name.split(',').next().unwrap_or(name);
    Event::decode(kind, 1, &data.to_string()).unwrap_or_else(|why| panic!("{name}: {why}"))
}
