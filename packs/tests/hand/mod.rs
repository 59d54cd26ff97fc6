//! Lines made by hand.
#![allow(clippy::unwrap_used, clippy::inconsistent_digit_grouping, dead_code)] // each file of tests uses a part of it

use chrono::NaiveDate;
use daybook_domain::{Currency, Timestamp};
use daybook_packs::{
    DEFINITIONS_VERSION, Dispute, FIRST_SALE, FORMAT, Facts, Item, Minor, Movement, OPENING, Order, Refund,
    STORE_OPENED, Standing, Subject, ToldBy,
};

pub fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

pub fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub fn order(id: &str, buyer: u32, since: &str, paid_at: &str, paid: i64) -> Order {
    Order {
        order: id.to_owned(),
        buyer,
        buyer_since: Some(day(since)),
        terminal: None,
        placed_at: at(paid_at),
        sales_channel: "app".to_owned(),
        pieces: 1,
        goods: Minor(paid),
        discount: Minor(0),
        shipping: Minor(0),
        tax: Minor(0),
        promoted: false,
        paid_at: Some(at(paid_at)),
        paid: Minor(paid),
        shortfall: Minor(0),
        subsidy: Minor(0),
        ship_by: Some(at("2024-12-31T00:00:00Z")),
        deliver_by: None,
        shipped_at: Some(at("2024-01-20T00:00:00Z")),
        shipped_all_at: Some(at("2024-01-20T00:00:00Z")),
        delivered_at: Some(at("2024-01-25T00:00:00Z")),
        received_at: None,
        received_by: None,
        cancelled_at: None,
        returned: false,
        exchanged: false,
        reviews: 1,
        reviews_good: 1,
        views: 0,
        traffic: None,
        tracked: 1,
        statement: None,
    }
}

pub fn item(of: &Order, product: &str) -> Item {
    Item {
        order: of.order.clone(),
        line: "1".to_owned(),
        product: product.to_owned(),
        category: "tea".to_owned(),
        quantity: 1,
        goods: of.goods,
        paid: of.paid,
    }
}

pub fn moved(number: u64, when: &str, event: &str, of: [i64; 7]) -> Movement {
    let [pending, available, held, reserve, in_transit, deposit, frozen] = of.map(Minor);
    Movement {
        number,
        at: at(when),
        event: event.to_owned(),
        about: None,
        order: None,
        reference: None,
        settlement: None,
        pending,
        available,
        held,
        reserve,
        in_transit,
        deposit,
        frozen,
        converted: None,
    }
}

/// January and February 2024: three orders of two buyers, a refund, an open dispute, a settlement that was paid out.
pub fn facts() -> Facts {
    let mut first = order("a", 1, "2024-01-10", "2024-01-10T02:00:00Z", 60_00);
    first.subsidy = Minor(20_00);
    first.goods = Minor(80_00);
    let second = order("b", 1, "2024-01-10", "2024-02-01T02:00:00Z", 30_00);
    let mut third = order("c", 2, "2023-12-24", "2024-02-02T02:00:00Z", 10_00);
    third.reviews_good = 0;
    let mut items = vec![item(&first, "p1"), item(&second, "p1"), item(&third, "p2")];
    items[0].goods = Minor(80_00);
    let mut released = moved(2, "2024-01-26T00:00:00Z", "EscrowReleased", [80_00, 0, 0, 0, 0, 0, 0]);
    (released.about, released.order) = (Some("release".to_owned()), Some("a".to_owned()));
    released.settlement = Some("s1".to_owned());
    let mut charged = moved(3, "2024-01-26T00:00:00Z", "CommissionCharged", [-4_00, 0, 0, 0, 0, 0, 0]);
    (charged.about, charged.order) = (Some("commission".to_owned()), Some("a".to_owned()));
    charged.settlement = Some("s1".to_owned());
    let mut settled = moved(4, "2024-01-31T02:00:00Z", "SettlementClosed", [-76_00, 70_00, 0, 6_00, 0, 0, 0]);
    settled.reference = Some("s1".to_owned());
    let mut asked = moved(5, "2024-01-31T14:00:00Z", "PayoutRequested", [0, -70_00, 0, 0, 70_00, 0, 0]);
    asked.reference = Some("p1".to_owned());
    let mut paid = moved(6, "2024-02-01T02:00:00Z", "PayoutConfirmed", [0, 0, 0, 0, -70_00, 0, 0]);
    paid.reference = Some("p1".to_owned());
    Facts {
        subject: Subject {
            format: FORMAT,
            definitions: DEFINITIONS_VERSION,
            market: "Old Tea Road".to_owned(),
            merchant: "m-1".to_owned(),
            currency: Currency::new("CNY").unwrap(),
            time_zone: "Asia/Shanghai".to_owned(),
            from: day("2024-01-01"),
            to: day("2024-02-29"),
            began: Some(day("2023-11-05")),
            channels: ToldBy { rule: 1, lists: "0".repeat(64) },
            through: 99,
            drawn_at: at("2024-03-01T00:00:00Z"),
            sealed: None,
            issued: None,
        },
        standing: vec![
            said("2023-11-01T00:00:00Z", "DepositRequired", "deposit_required", "200.00 CNY"),
            said("2023-11-04T16:00:00Z", "StoreOpened", STORE_OPENED, "1"),
            said("2023-12-23T20:00:00Z", "EscrowFunded", FIRST_SALE, "CNY"),
        ],
        refunds: vec![Refund {
            order: "a".to_owned(),
            refund: "r1".to_owned(),
            at: at("2024-02-10T00:00:00Z"),
            cause: "refund".to_owned(),
            borne_by: "platform".to_owned(),
            to_buyer: Minor(15_00),
            dispute: None,
            bore: Minor(0),
            booked_at: Some(at("2024-02-10T00:00:00Z")),
        }],
        disputes: vec![Dispute {
            order: "b".to_owned(),
            dispute: "d1".to_owned(),
            kind: "dispute".to_owned(),
            about: "quality".to_owned(),
            opened_at: at("2024-02-20T00:00:00Z"),
            claim: Minor(30_00),
            ruled_at: None,
            decided_at: None,
            outcome: None,
            refund: Minor(0),
        }],
        account: vec![
            moved(1, "2023-12-31T16:00:00Z", OPENING, [0, 5_00, 0, 0, 0, 100_00, 0]),
            released,
            charged,
            settled,
            asked,
            paid,
        ],
        orders: vec![first, second, third],
        items,
        elsewhere: Vec::new(),
    }
}

pub fn said(when: &str, event: &str, what: &str, value: &str) -> Standing {
    Standing { at: at(when), event: event.to_owned(), what: what.to_owned(), value: value.to_owned() }
}
