//! Small books for tests: events appended as they are, without deciders.
#![allow(dead_code, clippy::unwrap_used)] // each test file uses its own part of this

use std::sync::Arc;

use daybook_domain::{EventKind, Timestamp};
use daybook_journal::conformance::tools::block_on;
use daybook_journal::{Append, Cause, Expected, Journal, MemoryJournal, NewEvent};
use daybook_projections::ReadModels;
use serde_json::{Value, json};
use uuid::Uuid;

/// A journal and the read models of it.
pub struct Tale {
    journal: Arc<dyn Journal>,
    folder: tempfile::TempDir,
}

impl Tale {
    /// An open market in Asia/Shanghai, whose months begin at 16:00 UTC.
    pub fn new() -> Self {
        let tale = Self { journal: Arc::new(MemoryJournal::new()), folder: tempfile::tempdir().unwrap() };
        let market = json!({"name": "有田商城", "time_zone": "Asia/Shanghai", "currencies": ["CNY", "USD"]});
        tale.say("market-main", "2017-12-31T16:00:00Z", "MarketOpened", &json!({}), &market);
        tale
    }

    /// Appends an event.
    pub fn say(&self, stream: &str, occurred_at: &str, kind: &str, refs: &Value, data: &Value) {
        let command = Uuid::from_u128(u128::from(self.journal.head().unwrap()) + 1);
        let event = NewEvent {
            id: command,
            kind: EventKind::parse(kind).unwrap_or_else(|| panic!("{kind} is no type")).as_str().into(),
            schema: 1,
            occurred_at: Timestamp::parse(occurred_at).unwrap().0,
            refs: refs.to_string(),
            data: data.to_string(),
        };
        let cause = Cause { command, fingerprint: [0; 16], correlation: command, actor: "test".into() };
        let item = Append { stream: stream.to_owned(), expected: Expected::Any, cause, events: vec![event] };
        block_on(self.journal.append(vec![item])).pop().unwrap().unwrap();
    }

    /// An order's event.
    pub fn order(&self, order: &str, occurred_at: &str, kind: &str, data: &Value) {
        let refs = json!({"order": order, "merchant": "m-1", "checkout": format!("c-{order}"), "buyer": "b"});
        self.say(&format!("order-{order}"), occurred_at, kind, &refs, data);
    }

    /// An event of the merchant's account.
    pub fn account(&self, occurred_at: &str, kind: &str, data: &Value) {
        self.say("account-m-1", occurred_at, kind, &json!({"merchant": "m-1"}), data);
    }

    /// A sale of 100.00 in one go: placed, paid, funded, released, commission of 10.00.
    pub fn sale(&self, order: &str, paid_at: &str, released_at: &str) {
        let line = json!({"line": "1", "product": "sku-1", "category": "home_garden", "quantity": 1,
            "unit_price": cny("100.00"), "discount": cny("0.00"), "commission_rate": "0.1", "shipping": cny("0.00"),
            "tax": cny("0.00"), "subsidies": []});
        let placed = json!({"checkout": format!("c-{order}"), "buyer": "b", "merchant": "m-1", "lines": [line],
            "shipping": cny("0.00"), "subsidies": [], "buyer_pays": cny("100.00"), "total": cny("100.00"),
            "fee_schedule_version": 1, "sales_channel": "own"});
        self.order(order, paid_at, "OrderPlaced", &placed);
        let refs = json!({"checkout": format!("c-{order}"), "buyer": "b"});
        let captured = json!({"payment": "p", "method": "wallet", "provider": "alipay", "provider_ref": format!("ref-{order}"),
            "amount": cny("100.00"), "fee": cny("0.60")});
        self.say(&format!("checkout-c-{order}"), paid_at, "PaymentCaptured", &refs, &captured);
        let part = json!({"payment": "p", "provider": "alipay", "method": "wallet", "amount": cny("100.00")});
        let funded = json!({"parts": [part], "shortfall": cny("0.00"), "subsidies": []});
        self.order(order, paid_at, "EscrowFunded", &funded);
        let line = json!({"line": "1", "quantity": 1, "to_merchant": cny("100.00"), "tax": cny("0.00")});
        self.order(
            order,
            released_at,
            "EscrowReleased",
            &json!({"lines": [line], "to_merchant": cny("100.00")}),
        );
        let line = json!({"line": "1", "category": "home_garden", "base": cny("100.00"), "rate": "0.1", "amount": cny("10.00")});
        let charged = json!({"lines": [line], "amount": cny("10.00"), "vat": cny("0.00")});
        self.order(order, released_at, "CommissionCharged", &charged);
    }

    /// A payout of 80.00 to `destination`, converted to yen.
    pub fn converted_payout(&self, destination: &str) {
        let asked = json!({"payout": "p", "amount": cny("80.00"), "destination_ref": destination});
        self.account("2018-03-12T00:00:00Z", "PayoutRequested", &asked);
        let converted = json!({"payout": "p", "from": cny("80.00"), "to": money("1200", "JPY"), "rate": "15",
            "rate_ref": "safe", "spread": cny("0.40")});
        self.account("2018-03-12T01:00:00Z", "PayoutConverted", &converted);
    }

    /// The read models, caught up.
    pub fn models(&self) -> ReadModels {
        ReadModels::open(self.folder.path().join("views.db"), Arc::clone(&self.journal), &mut |_| {}).unwrap()
    }
}

/// An amount of CNY.
pub fn cny(amount: &str) -> Value {
    money(amount, "CNY")
}

/// An amount.
pub fn money(amount: &str, currency: &str) -> Value {
    json!({"amount": amount, "currency": currency})
}
