//! A market's pack made by hand: what its figures come to, and that nothing in it can be changed unnoticed.
#![allow(clippy::unwrap_used, clippy::inconsistent_digit_grouping)] // 60_00 is 60.00

use std::collections::BTreeSet;

use chrono::NaiveDate;
use daybook_domain::{Currency, Timestamp};
use daybook_packs::{
    Booked, Case, Cohort, Day, Figures, MARKET_DEFINITIONS_VERSION, MARKET_FORMAT, MarketFacts,
    MarketSubject, Member, Minor, Month, Pack, Sales, Size, Traffic, market_definitions,
};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn month(text: &str) -> Month {
    Month::parse(text).unwrap()
}

fn member(merchant: u32, opened: &str, left: Option<&str>, first_sale: Option<&str>) -> Member {
    Member { merchant, opened: Some(month(opened)), left: left.map(month), first_sale: first_sale.map(month) }
}

fn sales(when: Option<&str>, merchant: u32, orders: u64, paid: i64, owed: i64) -> Sales {
    Sales {
        month: when.map(month),
        merchant,
        placed: orders,
        paid_orders: orders,
        paid: Minor(paid),
        subsidy: Minor(0),
        shortfall: Minor(0),
        refunded: Minor(0),
        refunded_of_orders: Minor(0),
        owed: Minor(owed),
        deposit: Minor(0),
    }
}

fn on(when: &str, orders: u64, paid: i64, refunded: i64) -> Day {
    Day { day: day(when), placed: orders, paid_orders: orders, paid: Minor(paid), refunded: Minor(refunded) }
}

fn cohort(first: &str, when: &str, buyers: u64, first_here: u64, orders: u64, paid: i64) -> Cohort {
    Cohort { cohort: month(first), month: month(when), buyers, first_here, orders, paid: Minor(paid) }
}

fn seen(when: Option<&str>, channel: Option<&str>, visitors: u64, buyers: u64, paid: i64) -> Traffic {
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

fn booked(when: Option<&str>, account: &str, change: i64) -> Booked {
    Booked { month: when.map(month), account: account.to_owned(), change: Minor(change) }
}

fn case(when: Option<&str>, kind: &str, opened: u64, claimed: i64, closed: u64, claims: i64) -> Case {
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
fn facts() -> MarketFacts {
    let (jan, feb) = (Some("2024-01"), Some("2024-02"));
    let mut largest = sales(jan, 1, 2, 60_00, 30_00);
    largest.subsidy = Minor(5_00);
    largest.refunded_of_orders = Minor(15_00);
    let mut later = sales(feb, 1, 1, 20_00, -10_00);
    later.refunded = Minor(15_00);
    let mut third = sales(feb, 3, 0, 0, -4_00);
    third.deposit = Minor(50_00);
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
            through: 99,
            drawn_at: Timestamp::parse("2024-03-01T00:00:00Z").unwrap(),
            issued: None,
        },
        members: vec![
            member(1, "2023-10", None, Some("2023-11")),
            member(2, "2024-01", Some("2024-02"), Some("2024-01")),
            member(3, "2024-02", None, None),
        ],
        sales: vec![sales(None, 1, 0, 0, 8_00), largest, sales(jan, 2, 1, 20_00, 18_00), later, third],
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
            seen(None, None, 30, 2, 70_00),
            seen(None, Some("direct"), 30, 2, 70_00),
            seen(jan, None, 20, 2, 50_00),
            seen(jan, Some("direct"), 20, 2, 50_00),
            seen(feb, None, 12, 1, 20_00),
            seen(feb, Some("direct"), 12, 1, 20_00),
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

fn size(when: &str, amount: i64) -> Size {
    Size {
        month: month(when),
        amount: Minor(amount),
        currency: "CNY".to_owned(),
        source: "Tea Society, yearbook 2024".to_owned(),
    }
}

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
        // 8 + 30 - 10 and 18 are owed, 4 is owed by the third
        ("market.owed.merchants", "46.00"),
        ("market.owed.receivable", "4.00"),
        ("market.owed.deposits", "50.00"),
        ("market.owed.buyers", "30.00"),
        ("market.held", "128.00"),
        ("market.held.own", "2.00"),
        ("market.held.cover", "1.0159"),
        ("market.disputes.opened", "1"),
        ("market.disputes.for_buyer", "1"),
        ("market.disputes.open", "1"),
        ("market.disputes.open_amount", "15.00"),
        ("market.disputes.rate", "0.5000"),
        ("market.chargebacks.open_amount", "6.00"),
        ("market.concentration.hhi", "0.6800"),
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
    // 8 + 80 held of 38 + 18 + 30 owed
    assert_eq!(own, ["2.00", "2.00"]);
    assert_eq!(figures.table("share").unwrap().rows.len(), 2);
}

#[test]
fn visitors_times_conversion_times_unit_price_is_the_gmv_that_was_measured() {
    let facts = facts();
    for row in &facts.traffic {
        let (uv, buyers, paid) =
            (i128::from(row.visitors.unwrap()), i128::from(row.buyers), i128::from(row.paid.0));
        // uv * (buyers / uv) * (paid / buyers), as a fraction
        assert_eq!((uv * buyers * paid) / (uv * buyers), paid);
    }
    let figures = Figures::of_market(&facts).unwrap();
    let sum: f64 = ["market.tracked.gmv", "market.reported.gmv", "market.untracked.gmv"]
        .iter()
        .map(|id| figures.get(id).unwrap().parse::<f64>().unwrap())
        .sum();
    assert!((sum - 100.0).abs() < 1e-9);
}

#[test]
fn every_figure_has_a_definition_and_every_definition_a_figure() {
    let figures = Figures::of_market(&facts()).unwrap();
    let mut told: BTreeSet<&str> = figures.figures.iter().map(|figure| figure.id).collect();
    assert_eq!(told.len(), figures.figures.len(), "no figure is told twice");
    told.extend(figures.tables.iter().flat_map(|table| table.columns.iter().copied()));
    let definitions = market_definitions();
    let defined: BTreeSet<&str> = definitions.iter().map(|definition| definition.id).collect();
    assert_eq!(defined.len(), definitions.len(), "no id is defined twice");
    assert_eq!(told, defined);
}

#[test]
fn a_pack_reads_back_as_it_was_and_is_known_as_the_markets() {
    let place = tempfile::tempdir().unwrap();
    let facts = facts();
    let pack = Pack::of_market(&facts, &Figures::of_market(&facts).unwrap(), Vec::new()).unwrap();
    let path = place.path().join("pack.zip");
    pack.write(&path).unwrap();
    let read = Pack::read(&path).unwrap();
    assert!(read.is_of_market());
    let checked = read.check_market();
    assert_eq!(checked.wrong, Vec::<String>::new());
    assert_eq!(checked.facts, Some(facts));
}

/// What is found in a pack whose lines were changed by somebody who then made figures and list anew.
fn forged(change: impl Fn(&mut MarketFacts)) -> String {
    let mut facts = facts();
    change(&mut facts);
    // where the lines give no figures, with those of others
    let figures = Figures::of_market(&facts).unwrap_or_else(|_| Figures::of_market(&self::facts()).unwrap());
    Pack::of_market(&facts, &figures, Vec::new()).unwrap().check_market().wrong.join("\n")
}

#[test]
fn lines_that_contradict_each_other_are_found_though_figures_and_list_were_made_anew() {
    type Change = fn(&mut MarketFacts);
    let cases: [(&str, Change); 14] = [
        ("GMV of 2024-01: sales.csv comes to 9000, days.csv to 8000", |f| f.sales[1].paid = Minor(70_00)),
        ("buyers.csv to 8000", |f| f.sales[1].paid = Minor(70_00)),
        ("orders placed of 2024-01", |f| f.sales[2].placed = 9),
        ("refunds of 2024-02", |f| f.days[2].refunded = Minor(0)),
        ("what merchants are owed of 2024-01", |f| f.sales[1].owed = Minor(10_00)),
        ("deposits of 2024-02", |f| f.sales[4].deposit = Minor(0)),
        ("do not sum to zero", |f| f.books[2].change = Minor(90_00)),
        ("the channels of 2024-01 come to 5100", |f| f.traffic[3].paid = Minor(51_00)),
        ("was sold after visits in 2024-02, of 2000 in all", |f| {
            f.traffic[4].paid = Minor(21_00);
            f.traffic[5].paid = Minor(21_00);
        }),
        ("sales.csv, row 6: it stands there twice", |f| f.sales.push(f.sales[1].clone())),
        ("sales.csv, row 1: it is of no month, day or merchant", |f| f.sales[0].merchant = 7),
        ("merchants.csv has merchant 4 where 2 belongs", |f| f.members[1].merchant = 4),
        ("buyers.csv, row 2: it is of no month", |f| f.buyers[1].first_here = 1),
        ("books.csv, row 1: it is of no month", |f| f.books[0].account = "Assets:Vault".to_owned()),
    ];
    for (found, change) in cases {
        let wrong = forged(change);
        assert!(wrong.contains(found), "{found}: {wrong}");
    }
    assert_eq!(forged(|_| {}), "");
    let mut pack = facts();
    pack.members[1].first_sale = Some(month("2024-02"));
    let error = Figures::of_market(&pack).unwrap_err().to_string();
    assert!(error.contains("merchant 2 sold in 2024-01, before its first sale"), "{error}");
}

#[test]
fn a_size_is_stated_for_every_full_month_once_in_the_packs_currency_and_with_its_source() {
    let subject = facts().subject;
    let read = |text: &str| Size::read("size.csv", text.as_bytes(), &subject);
    let refused = |text: &str| read(text).unwrap_err().to_string();
    let row = "2024-01,8000.00,CNY,Tea Society\n";
    let head = "month,amount,currency,source\n";
    assert_eq!(read(&format!("{head}{row}2024-02,2000.00,CNY,b\n2024-03,1.00,CNY,c\n")).unwrap().len(), 2);
    let json = r#"[{"month":"2024-01","amount":"8000.00","currency":"CNY","source":"a"},
        {"month":"2024-02","amount":"2000","currency":"CNY","source":"b"}]"#;
    assert_eq!(read(json).unwrap()[1].amount, Minor(2_000_00));
    for (text, why) in [
        (format!("{head}{row}"), "it lacks 2024-02"),
        (format!("{head}{row}{row}"), "2024-01 stands in it twice"),
        (
            format!("{head}{row}2024-02,5.00,USD,b\n"),
            "2024-02 is stated in USD, and the pack's currency is CNY",
        ),
        (format!("{head}{row}2024-02,5.00,CNY,\n"), "2024-02 names no source"),
        (format!("{head}{row}2024-02,0.00,CNY,b\n"), "the amount of 2024-02 is not above zero"),
        (format!("{head}{row}2024-2,5.00,CNY,b\n"), "\"2024-2\" is no month such as 2018-05"),
        ("month,amount\n".to_owned(), "month,amount,currency,source"),
        ("[{\"month\":1}]".to_owned(), "size.csv"),
    ] {
        let found = refused(&text);
        assert!(found.contains(why) && found.starts_with("size.csv"), "{why}: {found}");
    }
}
