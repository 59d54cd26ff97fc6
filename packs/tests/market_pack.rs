//! A market's pack made by hand: that nothing in it can be changed unnoticed.
#![allow(clippy::unwrap_used, clippy::inconsistent_digit_grouping)] // 60_00 is 60.00

mod hand_market;

use std::collections::BTreeSet;

use daybook_packs::{Figures, MarketFacts, Minor, Pack, Size, market_definitions};
use hand_market::{day, facts, month, sales, seen};

#[test]
fn what_was_sold_stands_after_a_visit_where_channels_report_or_without_either_once() {
    let mut facts = facts();
    // an app sold 20.00 in February to visitors of its own
    let mut app = seen(None, None, 500, 0, 20_00);
    (app.counted, app.new_visitors, app.visits, app.views, app.orders) = ("reported".to_owned(), 0, 0, 0, 1);
    let mut in_february = app.clone();
    in_february.month = Some(month("2024-02"));
    in_february.visitors = None;
    facts.traffic = vec![
        seen(None, None, 20, 2, 50_00),
        seen(None, Some("direct"), 20, 2, 50_00),
        app,
        seen(Some("2024-01"), None, 20, 2, 50_00),
        seen(Some("2024-01"), Some("direct"), 20, 2, 50_00),
        in_february,
    ];
    assert_eq!(said_of(&facts), "");
    let figures = Figures::of_market(&facts).unwrap();
    for (id, value) in [
        ("market.tracked.gmv", "50.00"),
        ("market.reported.uv", "500"),
        ("market.reported.gmv", "20.00"),
        ("market.untracked.gmv", "30.00"),
        ("market.tracked.share", "0.7000"),
        // 20 visitors x 2/20 x 50/2
        ("market.tracked.conversion", "0.1000"),
        ("market.tracked.unit_price", "25.00"),
    ] {
        assert_eq!(figures.get(id), Some(value), "{id}");
    }
    let column = |id: &str| {
        let table = figures.table("traffic").unwrap();
        let at = table.columns.iter().position(|column| *column == id).unwrap();
        table.rows.iter().map(|row| row[at].clone()).collect::<Vec<_>>()
    };
    let of = |texts: [Option<&str>; 2]| texts.map(|text| text.map(str::to_owned)).to_vec();
    assert_eq!(column("market.reported.gmv"), of([Some("0.00"), Some("20.00")]));
    assert_eq!(column("market.reported.uv"), of([None, None]), "of more than a day they are not known");
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
    said_of(&facts)
}

/// What is found in a pack of these lines.
fn said_of(facts: &MarketFacts) -> String {
    // where the lines give no figures, with those of others
    let figures = Figures::of_market(facts).unwrap_or_else(|_| Figures::of_market(&self::facts()).unwrap());
    Pack::of_market(facts, &figures, Vec::new()).unwrap().check_market().wrong.join("\n")
}

#[test]
fn lines_that_contradict_each_other_are_found_though_figures_and_list_were_made_anew() {
    type Change = fn(&mut MarketFacts);
    let cases: [(&str, Change); 49] = [
        ("GMV of 2024-01: sales.csv comes to 9000, days.csv to 8000", |f| f.sales[0].paid = Minor(70_00)),
        ("buyers.csv to 8000", |f| f.sales[0].paid = Minor(70_00)),
        ("orders placed of 2024-01", |f| f.sales[1].placed = 9),
        ("refunds of 2024-02", |f| f.days[2].refunded = Minor(0)),
        ("what merchants are owed at the end of 2024-01: owed.csv comes to 5500, books.csv to 5600", |f| {
            f.owed[1].merchants = Minor(55_00);
        }),
        ("what merchants are owed before the first month", |f| f.owed[0].receivable = Minor(1)),
        ("deposits at the end of 2024-02: owed.csv has 0, books.csv 5000", |f| f.owed[2].deposits = Minor(0)),
        ("owed.csv does not say what merchants were owed at the end of 2024-02", |f| f.owed.truncate(2)),
        ("do not sum to zero", |f| f.books[2].change = Minor(90_00)),
        ("the channels of 2024-01 come to 5100", |f| f.traffic[3].paid = Minor(51_00)),
        ("was sold after visits in 2024-02, of 2000 in all", |f| {
            f.traffic[4].paid = Minor(21_00);
            f.traffic[5].paid = Minor(21_00);
        }),
        ("sales.csv, row 4: it stands there twice", |f| f.sales.push(f.sales[1].clone())),
        ("sales.csv, row 1: it is of no month, day or merchant", |f| f.sales[0].merchant = 7),
        ("merchants.csv has merchant 4 where 2 belongs", |f| f.members[1].merchant = 4),
        ("buyers.csv, row 2: it is of no month", |f| f.buyers[1].first_here = 1),
        ("books.csv, row 1: it is of no month", |f| f.books[0].account = "Assets:Vault".to_owned()),
        // all days beside months, and channels beside all of them
        ("the months of all channels do not come to all days", |f| {
            (f.traffic[0].paid, f.traffic[1].paid) = (Minor(100_00), Minor(100_00));
        }),
        ("the months of all channels do not come to all days", |f| f.traffic[0].views += 1),
        ("the months of all channels do not come to all days", |f| f.traffic[0].visitors = Some(33)),
        ("the months of direct do not come to all days", |f| {
            (f.traffic[1].visitors, f.traffic[1].new_visitors) = (Some(19), 9);
        }),
        ("the channels of 2024-01 do not come to all of them", |f| f.traffic[3].visits += 1),
        ("the channels of 2024-02 do not come to all of them", |f| f.traffic[5].visitors = Some(13)),
        ("it has more buyers than orders, or says what nobody knows", |f| f.traffic[2].buyers = 3),
        ("it has more buyers than orders, or says what nobody knows", |f| f.traffic[2].visitors = None),
        ("5 orders were placed after visits in all days, of 4 in all", |f| {
            [0, 1, 2, 3].iter().for_each(|at| f.traffic[*at].orders += 2);
        }),
        // below zero, beyond what was paid
        ("sales.csv, row 2: an amount is below zero", |f| {
            (f.sales[0].paid, f.sales[1].paid) = (Minor(130_00), Minor(-50_00));
        }),
        ("days.csv, row 1: an amount is below zero", |f| f.days[0].paid = Minor(-1)),
        ("buyers.csv, row 1: an amount is below zero", |f| f.buyers[0].paid = Minor(-1)),
        ("traffic.csv, row 3: an amount is below zero", |f| f.traffic[2].paid = Minor(-1)),
        ("cases.csv, row 1: an amount is below zero", |f| f.cases[0].claimed = Minor(-1)),
        ("owed.csv, row 2: an amount is below zero", |f| f.owed[1].receivable = Minor(-1)),
        ("sales.csv, row 1: it gave back more than was paid", |f| {
            f.sales[0].refunded_of_orders = Minor(61_00)
        }),
        ("sales.csv, row 3: it gave back more than was paid, or was paid without", |f| {
            f.sales[2].paid_orders = 0
        }),
        ("1600 went back of the orders of these days, and 1500 in all", |f| {
            f.sales[0].refunded_of_orders = Minor(16_00);
        }),
        // who came back, and who never came
        ("buyers.csv, row 3: 3 of the 2 buyers of 2024-01 came back", |f| {
            (f.buyers[2].buyers, f.buyers[2].orders) = (3, 3);
        }),
        ("merchants.csv, row 3: it left before it opened", |f| {
            f.members[2].first_sale = Some(month("2024-02"))
        }),
        ("merchants.csv, row 2: it left before it opened", |f| f.members[1].left = Some(month("2023-12"))),
        ("merchants.csv, row 3: it left before it opened", |f| f.members[2].opened = Some(month("2024-03"))),
        ("merchant 2 sold more than merchant 1", |f| {
            f.sales[0].merchant = 2;
            f.sales[1].merchant = 1;
        }),
        // cases
        ("more disputes were closed by 2024-02 than opened", |f| f.cases[2].closed = 3),
        ("more disputes were closed by 2024-02 than opened, or they ended", |f| f.cases[2].lost = Minor(1)),
        ("more chargebacks were closed by 2024-02 than opened, or they ended", |f| {
            (f.cases[1].closed, f.cases[1].for_buyer, f.cases[1].split) = (1, 0, 1);
        }),
        ("or amounts are of none", |f| (f.cases[1].claimed, f.cases[1].opened) = (Minor(6_00), 0)),
        ("or amounts are of none", |f| {
            (f.cases[1].claimed, f.cases[1].closed_claims) = (Minor(6_00), Minor(6_00))
        }),
        ("or amounts are of none", |f| f.cases[1].lost = Minor(1)),
        // who is new in a month is new in all days
        ("the months of all channels do not come to all days", |f| {
            (f.traffic[0].new_visitors, f.traffic[1].new_visitors) = (29, 29);
        }),
        ("the channels of 2024-01 do not come to all of them", |f| f.traffic[3].new_visitors = 19),
        ("something stands there from before 2024-01-02", |f| f.subject.began = day("2024-01-02")),
        ("something stands there from before 2024-01-01", |f| f.subject.began = day("2024-01-01")),
    ];
    for (found, change) in cases {
        let wrong = forged(change);
        assert!(wrong.contains(found), "{found}: {wrong}");
    }
    assert_eq!(forged(|_| {}), "");
    // of lines that are of no month or merchant of the pack no figures are made: they could take any memory
    let far = forged(|f| f.sales.extend((4..1_000).map(|n| sales("2024-01", n, 0, 0))));
    assert!(far.contains("it is of no month, day or merchant") && !far.contains("said to be"), "{far}");
    let mut pack = facts();
    pack.members[1].first_sale = Some(month("2024-02"));
    let error = Figures::of_market(&pack).unwrap_err().to_string();
    assert!(error.contains("merchant 2 sold in 2024-01, before its first sale"), "{error}");
}

#[test]
fn a_pack_tells_of_no_more_than_a_hundred_years() {
    let mut facts = facts();
    facts.subject.from = day("1900-01-01");
    let file = |name: &str| {
        let lines = self::facts().write().unwrap();
        lines.into_iter().find(|(file, _)| *file == name).unwrap().1
    };
    let subject = serde_json::to_vec(&facts.subject).unwrap();
    let error = MarketFacts::read(&|name| {
        Ok(if name == "market.json" { subject.as_slice() } else { Box::leak(file(name).into_boxed_slice()) })
    });
    assert!(error.unwrap_err().to_string().contains("more than 1200 months"));
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
    // as a person writes it: what a spreadsheet would reckon stands behind a quote in the pack alone
    let plus = read(&format!("{head}{row}2024-02,2000.00,CNY,+ own estimate\n")).unwrap();
    assert_eq!(plus[1].source, "+ own estimate");
    assert_eq!(read(json).unwrap()[1].amount, Minor(2_000_00));
    for (text, why) in [
        (format!("{head}{row}"), "it lacks 2024-02"),
        (format!("{head}{row}{row}"), "2024-01 stands in it twice"),
        (
            format!("{head}{row}2024-02,5.00,USD,b\n"),
            "2024-02 is stated in USD, and the pack's currency is CNY",
        ),
        (format!("{head}{row}2024-02,5.00,CNY,\n"), "2024-02 names no source"),
        (format!("{head}{row}2024-02,5.00,CNY,{}\n", "x".repeat(1_001)), "has more than 1000 characters"),
        (format!("{head}{row}2024-02,0.00,CNY,b\n"), "the amount of 2024-02 is not above zero"),
        (format!("{head}{row}2024-2,5.00,CNY,b\n"), "\"2024-2\" is no month such as 2018-05"),
        ("month,amount\n".to_owned(), "month,amount,currency,source"),
        ("[{\"month\":1}]".to_owned(), "size.csv"),
    ] {
        let found = refused(&text);
        assert!(found.contains(why) && found.starts_with("size.csv"), "{why}: {found}");
    }
}
