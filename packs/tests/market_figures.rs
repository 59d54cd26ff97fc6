//! A market's pack made by hand: what its figures come to.
#![allow(clippy::unwrap_used, clippy::inconsistent_digit_grouping)] // 60_00 is 60.00

mod hand_market;

use daybook_packs::Figures;
use hand_market::{booked, day, facts, member, month, on, sales};

#[test]
fn figures_are_what_a_person_reckons() {
    let figures = Figures::of_market(&facts()).unwrap();
    for (id, value) in [
        ("market.orders.paid", "4"),
        ("market.buyers", "3"),
        ("market.buyers.new", "2"),
        ("market.gmv", "100.00"),
        ("market.subsidised", "5.00"),
        ("market.refunds", "15.00"),
        ("market.refunds.rate", "0.1500"),
        ("market.net_gmv", "85.00"),
        ("market.unit_price", "33.33"),
        ("market.uv", "30"),
        ("market.tracked.conversion", "0.0667"),
        ("market.tracked.unit_price", "35.00"),
        ("market.untracked.gmv", "30.00"),
        ("market.tracked.share", "0.7000"),
        ("market.merchants", "2"),
        ("market.merchants.active", "2"),
        ("market.merchants.opened", "2"),
        ("market.merchants.left", "1"),
        ("market.merchants.kept", "0.5000"),
        ("market.take.commission", "7.00"),
        ("market.take", "11.00"),
        ("market.take.rate", "0.1100"),
        ("market.cost.subsidies", "5.00"),
        ("market.contribution", "6.00"),
        // 8 + 30 - 10 and 18 are owed, and 50 - 4 to the third
        ("market.owed.merchants", "92.00"),
        ("market.owed.receivable", "0.00"),
        ("market.owed.deposits", "50.00"),
        ("market.owed.buyers", "30.00"),
        ("market.held", "128.00"),
        ("market.held.own", "6.00"),
        ("market.held.cover", "1.0492"),
        ("market.disputes.opened", "1"),
        ("market.disputes.for_buyer", "1"),
        ("market.disputes.open", "1"),
        ("market.disputes.open_amount", "15.00"),
        ("market.disputes.rate", "0.5000"),
        ("market.chargebacks.open_amount", "6.00"),
        ("market.concentration.hhi", "0.680000"),
        ("market.concentration.top_1", "0.8000"),
        ("market.retention.buyers_1", "0.5000"),
        ("market.retention.merchants_1", "0.0000"),
        ("market.retention.known_gmv", "0.5000"),
        ("market.size.share", "0.0100"),
        ("market.size.source", "Tea Society, yearbook 2024"),
        ("market.days.zero", "58"),
    ] {
        assert_eq!(figures.get(id), Some(value), "{id}");
    }
    let owed = figures.table("owed").unwrap();
    let place = owed.columns.iter().position(|id| *id == "market.held.own").unwrap();
    let own: Vec<&str> = owed.rows.iter().map(|row| row[place].as_deref().unwrap()).collect();
    // 8 + 80 held of 38 + 18 + 30 owed; 128 of 92 + 30
    assert_eq!(own, ["2.00", "6.00"]);
    assert_eq!(figures.table("share").unwrap().rows.len(), 2);
}

#[test]
fn what_is_measured_begins_with_the_market() {
    // it opened on 2024-01-31: January is no full month of it
    let mut young = facts();
    young.subject.began = day("2024-01-31");
    let figures = Figures::of_market(&young).unwrap();
    assert_eq!(figures.get("market.measured.from"), Some("2024-01-31"));
    // of the 30 days from there on one has a sale: the first sale stands before them
    assert_eq!(figures.get("market.days.zero"), Some("29"));
    // 100.00 a month for the last 12 of 24 months, nothing before: the market opened then
    let mut flat = facts();
    (flat.subject.from, flat.subject.to) = (day("2017-01-01"), day("2018-12-31"));
    (flat.sales, flat.days) = (Vec::new(), Vec::new());
    flat.subject.began = day("2018-01-01");
    for n in 0..12 {
        let of = month("2018-01").plus(n);
        flat.sales.push(sales(&of.to_string(), 1, 1, 100_00));
        flat.days.push(on(&format!("{of}-15"), 1, 100_00, 0));
    }
    (flat.buyers, flat.traffic, flat.books, flat.cases, flat.sizes) = Default::default();
    flat.members = vec![member(1, "2018-01", None, Some("2018-01"))];
    flat.owed = Vec::new();
    let figures = Figures::of_market(&flat).unwrap();
    let told = ["market.growth.year", "market.trend.slope", "market.days.zero"].map(|id| figures.get(id));
    assert_eq!(told, [None, Some("0.00"), Some("353")]);
    flat.subject.began = day("2016-01-01");
    let figures = Figures::of_market(&flat).unwrap();
    assert_eq!(figures.get("market.days.zero"), Some("718"));
    assert!(figures.get("market.trend.slope").unwrap().parse::<f64>().unwrap() > 1.0);
}

#[test]
fn merchants_are_kept_from_one_full_month_to_the_next() {
    // on the second of March one of two has sold by then
    let mut facts = facts();
    facts.subject.to = day("2024-03-02");
    facts.sales.push(sales("2024-02", 2, 1, 1_00));
    facts.sales.push(sales("2024-03", 1, 1, 1_00));
    let figures = Figures::of_market(&facts).unwrap();
    assert_eq!(figures.get("market.merchants.kept"), Some("1.0000"));
    let table = figures.table("merchants").unwrap();
    assert_eq!(table.rows[2].last().unwrap(), &None, "March is not over");
}

#[test]
fn what_buyers_are_owed_is_not_lessened_by_what_stands_on_the_other_side() {
    let mut facts = facts();
    facts.books.push(booked(Some("2024-02"), "Liabilities:StoredValue", 50_00));
    facts.books.push(booked(Some("2024-02"), "Equity:Opening", -50_00));
    let figures = Figures::of_market(&facts).unwrap();
    assert_eq!(figures.get("market.owed.buyers"), Some("30.00"));
    assert_eq!(figures.get("market.owed.receivable"), Some("50.00"));
}
