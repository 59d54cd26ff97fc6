//! Models without a database: given events, then rows.
#![allow(clippy::unwrap_used)]

mod support;

use daybook_journal::Journal;
use daybook_projections::models::books::Books;
use daybook_projections::models::breaks::Breaks;
use daybook_projections::models::checkouts::Checkouts;
use daybook_projections::models::merchant_accounts::MerchantAccounts;
use daybook_projections::models::merchant_balances::{MerchantBalanceRow, MerchantBalances};
use daybook_projections::models::merchants::Merchants;
use daybook_projections::models::order_lines::OrderLines;
use daybook_projections::models::orders::Orders;
use daybook_projections::models::statements::Statements;
use daybook_projections::{AsOf, Snapshot};
use serde_json::{Value, json};
use support::{append, every_type, happen, memory};

/// Microseconds of an hour of the test's day.
fn hour(h: i64) -> i64 {
    1_700_000_000_000_000 + h * 3_600_000_000
}

fn yuan(text: &str) -> Value {
    json!({ "amount": text, "currency": "CNY" })
}

fn pieces(line: &str, quantity: u32) -> Value {
    json!([{ "line": line, "quantity": quantity }])
}

struct Told {
    journal: std::sync::Arc<dyn Journal>,
    hour: i64,
}

impl Told {
    fn new() -> Self {
        Self { journal: memory(), hour: 0 }
    }
    /// The next thing that happens in the order, an hour later.
    fn order(&mut self, kind: &'static str, data: Value) -> &mut Self {
        self.hour += 1;
        let refs = r#"{"merchant":"m","order":"o","checkout":"c","buyer":"b"}"#;
        append(self.journal.as_ref(), "order-o", kind, hour(self.hour), refs, &data.to_string());
        self
    }
    fn other(&mut self, stream: &str, refs: &str, kind: &'static str, data: Value) -> &mut Self {
        self.hour += 1;
        append(self.journal.as_ref(), stream, kind, hour(self.hour), refs, &data.to_string());
        self
    }
    fn then(&self) -> Snapshot {
        Snapshot::replay_with_children(self.journal.as_ref(), AsOf::HEAD, &[], &mut |_| {}).unwrap()
    }
    /// Four pieces of one line at 25.00, placed and paid.
    fn paid() -> Self {
        let mut told = Self::new();
        told.other(
            "checkout-c",
            r#"{"checkout":"c","buyer":"b"}"#,
            "CheckoutOpened",
            json!({ "buyer": "b", "currency": "CNY", "due": yuan("108.00"),
                "orders": [{ "order": "o", "merchant": "m", "buyer_pays": yuan("108.00") }] }),
        )
        .other(
            "checkout-c",
            r#"{"checkout":"c","buyer":"b"}"#,
            "PaymentCaptured",
            json!({ "payment": "p", "method": "card", "provider": "acquirer", "provider_ref": "x",
                "amount": yuan("110.00") }),
        )
        .other(
            "checkout-c",
            r#"{"checkout":"c","buyer":"b"}"#,
            "MoneyUnallocated",
            json!({ "amount": yuan("2.00"), "reason": "overpaid" }),
        )
        .order(
            "OrderPlaced",
            json!({ "checkout": "c", "buyer": "b", "merchant": "m", "shipping": yuan("8.00"),
                "subsidies": [], "buyer_pays": yuan("108.00"), "total": yuan("108.00"),
                "fee_schedule_version": 3, "sales_channel": "own_store",
                "lines": [{ "line": "1", "product": "tea", "category": "food", "quantity": 4,
                    "unit_price": yuan("25.00"), "discount": yuan("0.00"), "commission_rate": "0.10",
                    "shipping": yuan("8.00"), "tax": yuan("0.00"), "subsidies": [] }] }),
        )
        .order(
            "EscrowFunded",
            json!({ "parts": [{ "payment": "p", "provider": "acquirer", "method": "card",
                "amount": yuan("108.00") }], "shortfall": yuan("0.00"), "subsidies": [] }),
        );
        told
    }
    fn ship(&mut self, shipment: &str, quantity: u32) -> &mut Self {
        self.order(
            "OrderShipped",
            json!({ "shipment": shipment, "lines": pieces("1", quantity), "mode": "parcel", "carrier": "sf",
                "tracking": format!("SF-{shipment}") }),
        )
    }
    fn deliver(&mut self, shipment: &str) -> &mut Self {
        let data = json!({ "shipment": shipment, "release_due": "2023-12-01T00:00:00Z" });
        self.order("OrderDelivered", data)
    }
}

#[test]
fn an_order_that_ships_in_two_parcels_is_delivered_with_the_second_and_counts_once() {
    let mut told = Told::paid();
    told.ship("s1", 1).ship("s2", 3).deliver("s1");
    let then = told.then();
    let order = then.row::<Orders>(&["o"]).unwrap();
    assert_eq!((order.status.as_str(), order.shipments, order.pieces_shipped), ("shipped", 2, 4));
    assert_eq!(order.tracking.as_deref(), Some("SF-s2"));
    let merchant = then.row::<Merchants>(&["m"]).unwrap();
    assert_eq!((merchant.orders, merchant.orders_paid, merchant.orders_shipped), (1, 1, 1));
    assert_eq!(merchant.orders_delivered, 0);

    told.deliver("s2");
    let then = told.then();
    assert_eq!(then.row::<Orders>(&["o"]).unwrap().status, "delivered");
    assert_eq!(then.row::<Merchants>(&["m"]).unwrap().orders_delivered, 1);
}

#[test]
fn an_inquiry_tells_what_was_paid_shipped_released_and_charged() {
    let mut told = Told::paid();
    told.ship("s", 4)
        .deliver("s")
        .order("ReceiptConfirmed", json!({ "lines": pieces("1", 4), "by": "timeout" }))
        .order(
            "EscrowReleased",
            json!({ "lines": [{ "line": "1", "quantity": 4, "to_merchant": yuan("108.00"),
                "tax": yuan("0.00") }], "to_merchant": yuan("108.00") }),
        )
        .order(
            "CommissionCharged",
            json!({ "lines": [{ "line": "1", "category": "food", "base": yuan("100.00"), "rate": "0.10",
                "amount": yuan("10.00") }], "amount": yuan("10.00"), "vat": yuan("0.60") }),
        )
        .order("ReviewPosted", json!({ "review": "r", "overall": 5 }));
    let then = told.then();
    let order = then.row::<Orders>(&["o"]).unwrap();
    assert_eq!(order.status, "released");
    assert_eq!((order.paid, order.paid_amount, order.escrow), (true, 10_800, 0));
    assert_eq!((order.goods, order.shipping, order.total), (10_000, 800, 10_800));
    assert_eq!((order.released, order.commission, order.commission_vat), (10_800, 1_000, 60));
    assert_eq!(order.confirmed_by.as_deref(), Some("timeout"));
    assert_eq!((order.paid_at, order.delivered_at), (Some(hour(5)), Some(hour(7))));
    let timeline = then.children::<Orders>(&["o"]);
    let told: Vec<_> = timeline.iter().map(|t| t.event.as_str()).collect();
    assert_eq!(
        told,
        [
            "OrderPlaced",
            "EscrowFunded",
            "OrderShipped",
            "OrderDelivered",
            "ReceiptConfirmed",
            "EscrowReleased",
            "CommissionCharged",
            "ReviewPosted"
        ]
    );
    assert_eq!(timeline[2].detail.as_deref(), Some("s sf SF-s"));
    assert_eq!(timeline[5].amount, Some(10_800));
    let line = then.row::<OrderLines>(&["o", "1"]).unwrap();
    assert_eq!((line.released, line.released_amount, line.commission), (4, 10_800, 1_000));

    let balance = then.row::<MerchantBalances>(&["m", "CNY"]).unwrap();
    assert_eq!((balance.escrow, balance.pending, balance.owed), (0, 9_740, 9_740));
    assert_eq!((balance.released, balance.commission, balance.commission_vat), (10_800, 1_000, 60));
    let lines = then.children::<MerchantAccounts>(&["m"]);
    let lines: Vec<_> = lines.iter().map(|l| (l.number, l.kind.as_str(), l.amount)).collect();
    assert_eq!(lines, [(1, "release", 10_800), (2, "commission", -1_060)]);
    let merchant = then.row::<Merchants>(&["m"]).unwrap();
    assert_eq!((merchant.reviews, merchant.reviews_positive, merchant.review_score), (1, 1, 5));
}

#[test]
fn a_refund_of_several_bearers_is_one_refund() {
    let mut told = Told::paid();
    let share = |by: &str, amount: &str| {
        json!([{ "by": by, "gross": yuan(amount), "to_buyer": yuan(amount), "subsidies_back": [],
            "shortfall_back": yuan("0.00") }])
    };
    for (by, amount) in [("merchant", "20.00"), ("platform", "5.00")] {
        let line =
            json!([{ "line": "1", "quantity": 0, "gross": yuan(amount), "merchant_base": yuan("0.00") }]);
        told.order(
            "RefundIssued",
            json!({ "refund": "r1", "lines": line, "to_buyer": yuan(amount), "borne_by": share(by, amount),
                "parts": [], "reason": "broken" }),
        );
    }
    let then = told.then();
    let order = then.row::<Orders>(&["o"]).unwrap();
    assert_eq!((order.refunds, order.refunded, order.refunded_gross), (1, 2_500, 2_500));
    assert_eq!((order.refunded_by_merchant, order.refunded_by_platform), (2_000, 500));
    assert_eq!(then.row::<Merchants>(&["m"]).unwrap().orders_refunded, 1);
    assert_eq!(then.row::<OrderLines>(&["o", "1"]).unwrap().refunded, 2_500);
}

#[test]
fn a_checkout_says_what_money_has_no_order_and_why() {
    let mut told = Told::paid();
    let then = told.then();
    let checkout = then.row::<Checkouts>(&["c"]).unwrap();
    assert_eq!((checkout.captured, checkout.held, checkout.unallocated), (11_000, 200, 200));
    assert_eq!(checkout.unallocated_reason.as_deref(), Some("overpaid"));
    assert_eq!(checkout.unallocated_since, Some(hour(3)));

    let refs = r#"{"checkout":"c","buyer":"b"}"#;
    told.other(
        "checkout-c",
        refs,
        "MoneyUnallocated",
        json!({ "amount": yuan("-2.00"), "reason": "overpaid" }),
    )
    .other(
        "checkout-c",
        refs,
        "UnallocatedRefunded",
        json!({ "parts": [{ "payment": "p", "provider": "acquirer", "amount": yuan("2.00") }],
            "reason": "overpaid" }),
    );
    let then = told.then();
    let checkout = then.row::<Checkouts>(&["c"]).unwrap();
    assert_eq!((checkout.refunded, checkout.held, checkout.unallocated), (200, 0, 0));
    assert_eq!((&checkout.unallocated_reason, checkout.unallocated_since), (&None, None));
}

#[test]
fn what_happened_in_a_closed_month_is_booked_in_the_first_open_one() {
    let mut told = Told::new();
    let deposit =
        |amount: &str| json!({ "amount": yuan(amount), "provider": "acquirer", "provider_ref": "x" });
    let refs = r#"{"merchant":"m"}"#;
    told.other("deposit-m", refs, "DepositPaid", deposit("1.00"));
    let until = "2024-01-01T00:00:00Z";
    told.other(
        "books-main",
        "{}",
        "PeriodClosed",
        json!({ "period": "2023-12", "until": until, "digest": "00", "by": "ann" }),
    );
    told.other("deposit-m", refs, "DepositPaid", deposit("2.00"));
    told.other(
        "books-main",
        "{}",
        "PeriodReopened",
        json!({ "period": "2023-12", "by": "ann", "approved_by": "bob", "reason": "late invoice" }),
    );
    told.other("deposit-m", refs, "DepositPaid", deposit("4.00"));
    let then = told.then();
    let entries = then.children::<Books>(&["m", "Deposit", "Liabilities", "CNY"]);
    let booked: Vec<_> = entries.iter().map(|e| (e.booked_at, e.balance)).collect();
    let first_open = daybook_domain::Timestamp::parse(until).unwrap().0;
    assert_eq!(booked, [(hour(1), -100), (first_open, -300), (hour(5), -700)]);
    // as of the end of that day, the second stands in the next month
    let at = AsOf::business(hour(24));
    let day = Snapshot::replay(told.journal.as_ref(), at, &["book_accounts"], &mut |_| {}).unwrap();
    assert_eq!(day.row::<Books>(&["m", "Deposit", "Liabilities", "CNY"]).unwrap().credit, 500);
}

/// What a merchant is owed and was paid equals what that came from.
fn balanced(b: &MerchantBalanceRow) -> bool {
    let stands = b.pending + b.available + b.held + b.reserve + b.in_transit;
    let went = b.paid_out + b.paid_into_deposit + b.converted;
    let came =
        b.released - b.commission - b.commission_vat - b.fees - b.penalties - b.refunds - b.chargebacks
            + b.rewards
            + b.adjustments
            + b.rulings_reversed
            + b.covered_from_deposit;
    stands == b.owed && stands + went == came
}

#[test]
fn every_merchant_balance_is_explained_to_the_cent_whatever_happens() {
    let journal = memory();
    for _ in 0..3 {
        happen(journal.as_ref(), &every_type());
    }
    let then = Snapshot::replay(journal.as_ref(), AsOf::HEAD, &[], &mut |_| {}).unwrap();
    let mut rows = 0;
    for row in then.rows::<MerchantBalances>() {
        assert!(balanced(row), "{row:?}");
        rows += 1;
    }
    assert!(rows > 0);
}

#[test]
fn a_line_met_by_a_later_file_counts_where_it_is_of_and_what_arrived_where_it_came() {
    let line = |n: u64, file: Option<&str>| {
        let mut line = json!({ "line": n, "kind": "payment", "reference": "42", "gross": yuan("1.00"),
            "fee": yuan("0.00"), "net": yuan("1.00"), "at": "2026-05-31T00:00:00Z" });
        if let Some(file) = file {
            line["file"] = json!(file);
        }
        line
    };
    let entry = json!({ "entry": "e1/0", "stream": "checkout-c", "kind": "payment", "reference": "42",
        "gross": yuan("1.00"), "fee": yuan("0.00"), "at": "2026-05-31T00:00:00Z" });
    let broken = |name: &str, file: &str, kind: &str, lines: Value, entries: Value| {
        json!({ "break": name, "digest": file, "kind": kind, "amount": yuan("1.00"),
            "since": "2026-05-31T00:00:00Z", "lines": lines, "entries": entries, "detail": "it is so" })
    };
    let imported = |file: &str, lines: u64, results: u64| {
        json!({ "digest": file, "side": "provider", "format": "alipay_ledger", "account": "2088", "lines": lines,
            "totals": [], "results": results, "from": "2026-05-30T16:00:00Z", "to": "2026-05-31T16:00:00Z",
            "through": 9, "window_seconds": 1 })
    };
    let mut told = Told::new();
    let mut say = |kind, data| {
        told.other("provider-alipay", "{}", kind, data);
    };
    say("StatementImported", imported("f1", 1, 1));
    say("BreakFound", broken("k1", "f1", "missing_here", json!([line(2, None)]), json!([])));
    say("StatementImported", imported("f2", 2, 3));
    let both = json!([line(2, Some("f1")), line(5, None)]);
    say(
        "StatementLineMatched",
        json!({ "digest": "f2", "reason": "reference_sum", "lines": both, "entries": [entry.clone()] }),
    );
    say(
        "BreakResolved",
        json!({ "break": "k1", "digest": "f1", "how": "arrived_later", "note": "in file f2", "by": "li",
            "entries": [], "file": "f2" }),
    );
    // one more of what an earlier file has: it stands with the entry, and beside no match
    say("BreakFound", broken("k2", "f2", "duplicate", json!([line(6, None)]), json!([entry])));
    let then = told.then();
    let first = then.row::<Statements>(&["alipay", "f1"]).unwrap();
    assert_eq!((first.recorded, first.lines_matched, first.matches), (1, 1, 0));
    assert_eq!((first.breaks, first.breaks_open), (1, 0));
    let second = then.row::<Statements>(&["alipay", "f2"]).unwrap();
    assert_eq!((second.recorded, second.results, second.lines_matched, second.matches), (3, 3, 1, 1));
    assert_eq!((second.breaks, second.breaks_open), (1, 1));
    let shown: Vec<_> = then
        .children::<Statements>(&["alipay", "f2"])
        .iter()
        .map(|l| (l.line, l.earlier_file.clone(), l.outcome.clone()))
        .collect();
    let row = |line, file: Option<&str>, outcome: &str| (line, file.map(str::to_owned), outcome.to_owned());
    assert_eq!(shown, [row(2, Some("f1"), "matched"), row(5, None, "matched"), row(6, None, "break")]);
}

#[test]
fn a_statement_file_shows_its_lines_with_what_came_of_them_and_its_breaks_until_they_are_resolved() {
    let line = |n: u64, reference: &str, gross: &str| {
        json!({ "line": n, "kind": "payment", "reference": reference, "gross": yuan(gross), "fee": yuan("0.00"),
            "net": yuan(gross), "at": "2026-05-31T00:00:00Z" })
    };
    let entry = json!({ "entry": "e1/0", "stream": "checkout-c", "kind": "payment", "reference": "4200001",
        "gross": yuan("100.00"), "fee": yuan("0.00"), "at": "2026-05-31T00:00:00Z" });
    let broken = |name: &str, kind: &str, lines: Value, entries: Value| {
        json!({ "break": name, "digest": "f1", "kind": kind, "amount": yuan("40.00"),
            "since": "2026-05-31T00:00:00Z", "lines": lines, "entries": entries, "detail": "it is so" })
    };
    let mut told = Told::new();
    let mut say = |kind, data| {
        told.other("provider-alipay", "{}", kind, data);
    };
    let totals = json!([{ "currency": "CNY", "lines": 2, "gross": yuan("140.00"), "fee": yuan("0.00"),
        "net": yuan("140.00"), "opening": yuan("1.00"), "closing": yuan("141.00") }]);
    say(
        "StatementImported",
        json!({ "digest": "f1", "side": "provider", "format": "alipay_ledger", "account": "2088", "lines": 2,
            "totals": totals, "results": 3, "from": "2026-05-30T16:00:00Z", "to": "2026-05-31T16:00:00Z",
            "through": 9, "window_seconds": 1 }),
    );
    let (one, two) = (line(2, "4200001", "100.00"), line(3, "4200002", "40.00"));
    say(
        "StatementLineMatched",
        json!({ "digest": "f1", "reason": "reference", "lines": [one.clone()], "entries": [entry.clone()] }),
    );
    say("BreakFound", broken("k1", "fee", json!([one]), json!([entry])));
    say("BreakFound", broken("k2", "missing_here", json!([two]), json!([])));
    let then = told.then();
    let file = then.row::<Statements>(&["alipay", "f1"]).unwrap();
    assert_eq!((file.lines, file.results, file.recorded), (2, 3, 3));
    assert_eq!((file.matches, file.breaks, file.breaks_open), (1, 2, 2));
    assert_eq!((file.net, file.opening, file.closing), (14_000, Some(100), Some(14_100)));
    // a line that agrees but for its fee stands once, as matched
    let shown: Vec<_> = then
        .children::<Statements>(&["alipay", "f1"])
        .iter()
        .map(|l| (l.line, l.outcome.clone(), l.reason.clone(), l.break_id.clone()))
        .collect();
    let row = |line, outcome: &str, reason: &str, name: Option<&str>| {
        (line, outcome.to_owned(), reason.to_owned(), name.map(str::to_owned))
    };
    assert_eq!(shown, [row(2, "matched", "reference", None), row(3, "break", "missing_here", Some("k2"))]);
    let open = then.row::<Breaks>(&["alipay", "k2"]).unwrap();
    assert_eq!((open.status.as_str(), open.amount, open.reference.as_str()), ("open", 4_000, "4200002"));

    told.other(
        "provider-alipay",
        "{}",
        "BreakResolved",
        json!({ "break": "k2", "digest": "f1", "how": "explained", "note": "a test payment", "by": "li",
            "entries": [] }),
    );
    let then = told.then();
    assert_eq!(then.row::<Statements>(&["alipay", "f1"]).unwrap().breaks_open, 1);
    let resolved = then.row::<Breaks>(&["alipay", "k2"]).unwrap();
    assert_eq!(
        (resolved.status.as_str(), resolved.open, resolved.how.as_deref()),
        ("resolved", 0, Some("explained"))
    );
    assert_eq!((resolved.resolved_by.as_deref(), resolved.approved_by.as_deref()), (Some("li"), None));
}
