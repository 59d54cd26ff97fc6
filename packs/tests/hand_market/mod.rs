//! A market's lines made by hand.
#![allow(clippy::unwrap_used, clippy::inconsistent_digit_grouping, dead_code)] // each file of tests uses a part of it

use chrono::NaiveDate;
use daybook_domain::{Currency, Timestamp};
use daybook_packs::{
    Booked, Case, Cohort, Day, MARKET_DEFINITIONS_VERSION, MARKET_FORMAT, MarketFacts, MarketSubject, Member,
    Minor, Month, Owed, Sales, Size, ToldBy, Traffic,
};

pub fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub fn month(text: &str) -> Month {
    Month::parse(text).unwrap()
}

pub fn member(merchant: u32, opened: &str, left: Option<&str>, first_sale: Option<&str>) -> Member {
    Member { merchant, opened: Some(month(opened)), left: left.map(month), first_sale: first_sale.map(month) }
}

pub fn sales(when: &str, merchant: u32, orders: u64, paid: i64) -> Sales {
    Sales {
        month: month(when),
        merchant,
        placed: orders,
        paid_orders: orders,
        paid: Minor(paid),
        subsidy: Minor(0),
        shortfall: Minor(0),
        refunded: Minor(0),
        refunded_of_orders: Minor(0),
    }
}

pub fn owed(when: Option<&str>, merchants: i64, receivable: i64, deposits: i64) -> Owed {
    Owed {
        month: when.map(month),
        merchants: Minor(merchants),
        receivable: Minor(receivable),
        deposits: Minor(deposits),
    }
}

pub fn on(when: &str, orders: u64, paid: i64, refunded: i64) -> Day {
    Day { day: day(when), placed: orders, paid_orders: orders, paid: Minor(paid), refunded: Minor(refunded) }
}

pub fn cohort(first: &str, when: &str, buyers: u64, first_here: u64, orders: u64, paid: i64) -> Cohort {
    Cohort { cohort: month(first), month: month(when), buyers, first_here, orders, paid: Minor(paid) }
}

pub fn seen(when: Option<&str>, channel: Option<&str>, visitors: u64, buyers: u64, paid: i64) -> Traffic {
    Traffic {
        month: when.map(month),
        counted: "recorded".to_owned(),
        channel: channel.map(str::to_owned),
        visitors: Some(visitors),
        new_visitors: visitors,
        visits: visitors,
        views: 3 * visitors,
        buyers,
        orders: buyers,
        paid: Minor(paid),
    }
}

pub fn booked(when: Option<&str>, account: &str, change: i64) -> Booked {
    Booked { month: when.map(month), account: account.to_owned(), change: Minor(change) }
}

pub fn case(when: Option<&str>, kind: &str, opened: u64, claimed: i64, closed: u64, claims: i64) -> Case {
    Case {
        month: when.map(month),
        kind: kind.to_owned(),
        opened,
        claimed: Minor(claimed),
        closed,
        closed_claims: Minor(claims),
        for_buyer: closed,
        for_merchant: 0,
        split: 0,
        lost: Minor(0),
    }
}

/// January and February 2024: three merchants, one of which owes the market.
pub fn facts() -> MarketFacts {
    let (jan, feb) = (Some("2024-01"), Some("2024-02"));
    let mut largest = sales("2024-01", 1, 2, 60_00);
    largest.subsidy = Minor(5_00);
    largest.refunded_of_orders = Minor(15_00);
    let mut later = sales("2024-02", 1, 1, 20_00);
    later.refunded = Minor(15_00);
    // some came in both months
    let all = |channel| Traffic { visits: 32, views: 96, orders: 3, ..seen(None, channel, 30, 2, 70_00) };
    let back = |channel| Traffic { new_visitors: 10, ..seen(feb, channel, 12, 1, 20_00) };
    MarketFacts {
        subject: MarketSubject {
            format: MARKET_FORMAT,
            definitions: MARKET_DEFINITIONS_VERSION,
            market: "Old Tea Road".to_owned(),
            currency: Currency::new("CNY").unwrap(),
            orders_in_other_currencies: 0,
            time_zone: "Asia/Shanghai".to_owned(),
            from: day("2024-01-01"),
            to: day("2024-02-29"),
            began: day("2023-10-05"),
            channels: ToldBy { rule: 1, lists: "0".repeat(64) },
            through: 99,
            drawn_at: Timestamp::parse("2024-03-01T00:00:00Z").unwrap(),
            issued: None,
        },
        members: vec![
            member(1, "2023-10", None, Some("2023-11")),
            member(2, "2024-01", Some("2024-02"), Some("2024-01")),
            member(3, "2024-02", None, None),
        ],
        sales: vec![largest, sales("2024-01", 2, 1, 20_00), later],
        // the third owes 4.00, and its deposit of 50.00 is more than that
        owed: vec![owed(None, 8_00, 0, 0), owed(jan, 56_00, 0, 0), owed(feb, 92_00, 0, 50_00)],
        days: vec![
            on("2024-01-10", 3, 80_00, 0),
            on("2024-02-05", 1, 20_00, 0),
            on("2024-02-06", 0, 0, 15_00),
        ],
        buyers: vec![
            cohort("2023-12", "2024-01", 1, 1, 1, 30_00),
            cohort("2024-01", "2024-01", 2, 2, 2, 50_00),
            cohort("2024-01", "2024-02", 1, 0, 1, 20_00),
        ],
        traffic: vec![
            all(None),
            all(Some("direct")),
            seen(jan, None, 20, 2, 50_00),
            seen(jan, Some("direct"), 20, 2, 50_00),
            back(None),
            back(Some("direct")),
        ],
        books: vec![
            booked(None, "Assets:Provider", 8_00),
            booked(None, "Liabilities:MerchantAvailable", -8_00),
            booked(jan, "Assets:Provider", 80_00),
            booked(jan, "Expenses:Subsidy", 5_00),
            booked(jan, "Income:Commission", -7_00),
            booked(jan, "Liabilities:Escrow", -30_00),
            booked(jan, "Liabilities:MerchantPending", -48_00),
            booked(feb, "Assets:Provider", 40_00),
            booked(feb, "Income:Penalty", -4_00),
            booked(feb, "Liabilities:Deposit", -50_00),
            booked(feb, "Liabilities:MerchantPending", 14_00),
        ],
        cases: vec![
            case(None, "dispute", 1, 9_00, 0, 0),
            case(feb, "chargeback", 1, 6_00, 0, 0),
            case(feb, "dispute", 1, 15_00, 1, 9_00),
        ],
        sizes: vec![size("2024-01", 8_000_00), size("2024-02", 2_000_00)],
    }
}

pub fn size(when: &str, amount: i64) -> Size {
    Size {
        month: month(when),
        amount: Minor(amount),
        currency: "CNY".to_owned(),
        source: "Tea Society, yearbook 2024".to_owned(),
    }
}
