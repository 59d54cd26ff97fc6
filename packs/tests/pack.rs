//! A pack made by hand: what its figures come to, and that nothing in it can be changed unnoticed.
#![allow(clippy::unwrap_used, clippy::inconsistent_digit_grouping)] // 60_00 is 60.00

use std::collections::BTreeSet;

use chrono::NaiveDate;
use daybook_domain::{Currency, Timestamp};
use daybook_packs::{
    DEFINITIONS, DEFINITIONS_VERSION, Definition, Dispute, FORMAT, Facts, Figures, Item, Minor, Movement,
    OPENING, Order, Pack, Refund, Standing, Subject,
};
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn order(id: &str, buyer: u32, since: &str, paid_at: &str, paid: i64) -> Order {
    Order {
        order: id.to_owned(),
        buyer,
        buyer_since: Some(day(since)),
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
        delivered_at: Some(at("2024-01-25T00:00:00Z")),
        received_at: None,
        received_by: None,
        cancelled_at: None,
        returned: false,
        exchanged: false,
        reviews: 1,
        reviews_good: 1,
        views: 0,
        tracked: 1,
        statement: None,
    }
}

fn item(of: &Order, product: &str) -> Item {
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

fn moved(number: u64, when: &str, event: &str, of: [i64; 7]) -> Movement {
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
    }
}

/// January and February 2024: three orders of two buyers, a refund, an open dispute, a settlement that was paid out.
fn facts() -> Facts {
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
            orders_in_other_currencies: 0,
            time_zone: "Asia/Shanghai".to_owned(),
            from: day("2024-01-01"),
            to: day("2024-02-29"),
            through: 99,
            drawn_at: at("2024-03-01T00:00:00Z"),
            issued: None,
        },
        standing: vec![Standing {
            at: at("2023-11-01T00:00:00Z"),
            event: "DepositRequired".to_owned(),
            what: "deposit_required".to_owned(),
            value: "200.00 CNY".to_owned(),
        }],
        refunds: vec![Refund {
            order: "a".to_owned(),
            refund: "r1".to_owned(),
            at: at("2024-02-10T00:00:00Z"),
            cause: "refund".to_owned(),
            borne_by: "merchant".to_owned(),
            to_buyer: Minor(15_00),
        }],
        disputes: vec![Dispute {
            order: "b".to_owned(),
            dispute: "d1".to_owned(),
            kind: "dispute".to_owned(),
            about: "quality".to_owned(),
            opened_at: at("2024-02-20T00:00:00Z"),
            claim: Minor(30_00),
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
    }
}

#[test]
fn figures_are_what_a_person_reckons() {
    let figures = Figures::of(&facts()).unwrap();
    for (id, value) in [
        ("orders.paid", "3"),
        ("buyers", "2"),
        ("buyers.new", "1"),
        ("turnover.buyer_paid", "100.00"),
        ("turnover.subsidised", "20.00"),
        ("turnover.worth", "120.00"),
        ("unit_price", "50.00"),
        ("order_average", "33.33"),
        ("refunds.by_refund", "15.00"),
        ("refunds.by_order", "15.00"),
        ("turnover.net", "85.00"),
        ("account.commission", "4.00"),
        ("account.settled", "76.00"),
        ("account.paid_out", "70.00"),
        ("closing.balance", "11.00"),
        ("closing.deposit", "100.00"),
        ("days.active", "3"),
        ("days.zero", "57"),
        ("rate.subsidised", "0.1667"),
        ("rate.refund", "0.3333"),
        ("rate.dispute", "0.3333"),
        ("rate.positive", "0.6667"),
        ("rate.repeat_buyers", "0.5000"),
        ("concentration.buyers_hhi", "0.8200"),
        ("concentration.top_product", "0.9000"),
        ("contingent.amount", "30.00"),
        ("contingent.share", "0.7059"),
        ("liquidity.min", "5.00"),
        ("liquidity.negative_days", "0"),
        ("liquidity.deposit_cover", "0.5000"),
        ("days.to_available", "21.0"),
        ("payouts.residual", "0.00"),
    ] {
        assert_eq!(figures.get(id), Some(value), "{id}");
    }
    // 65 of the 70 paid out waited a day; what was there before the first day is not counted
    assert_eq!(figures.get("days.to_paid_out"), Some("1.0"));
    let months = figures.table("months").unwrap();
    let column = |id| months.columns.iter().position(|column| *column == id).unwrap();
    let cells =
        |id| -> Vec<&str> { months.rows.iter().map(|row| row[column(id)].as_deref().unwrap()).collect() };
    assert_eq!(cells("month"), ["2024-01", "2024-02"]);
    assert_eq!(cells("turnover.buyer_paid"), ["60.00", "40.00"]);
    assert_eq!(cells("refunds.by_refund"), ["0.00", "15.00"]);
    assert_eq!(cells("refunds.by_order"), ["15.00", "0.00"]);
    assert_eq!(cells("buyers"), ["1", "2"]);
    assert_eq!(cells("closing.balance"), ["81.00", "11.00"]);
}

#[test]
fn orders_are_graded_by_what_speaks_for_them() {
    let mut facts = facts();
    let figures = Figures::of(&facts).unwrap();
    // two traces each: tracked, and reviewed
    assert_eq!(figures.get("corroboration.share"), Some("0.0000"));
    facts.orders[0].views = 3;
    facts.orders[1].statement = Some("5d82d134984055b4".to_owned());
    facts.orders[1].received_by = Some("buyer".to_owned());
    facts.orders[2].received_by = Some("timeout".to_owned());
    facts.refunds[0].order = "c".to_owned();
    facts.refunds[0].to_buyer = Minor(10_00);
    let figures = Figures::of(&facts).unwrap();
    assert_eq!(figures.get("corroboration.share"), Some("0.9000"));
    assert_eq!(figures.get("corroboration.received"), Some("0.3000"));
    let grades = figures.table("corroboration").unwrap();
    let orders: Vec<&str> = grades.rows.iter().map(|row| row[1].as_deref().unwrap()).collect();
    assert_eq!(orders, ["1", "1", "0", "0", "1"]);
    let pack = Pack::of(&facts, &figures, Vec::new()).unwrap();
    let told = String::from_utf8(pack.file("grades.csv").unwrap().to_vec()).unwrap();
    assert!(told.contains("\na,B,yes,no,yes,no,yes\nb,A,no,yes,yes,yes,yes\nc,R,"), "{told}");
}

#[test]
fn patterns_are_found_with_their_orders() {
    let mut facts = facts();
    assert_eq!(Figures::of(&facts).unwrap().get("flags"), Some("0"));
    // five orders of one buyer on one day, over the same amount, all refunded, arrived as they left
    for n in 0..5 {
        let mut order = order(&format!("w{n}"), 9, "2024-01-15", "2024-01-15T03:00:00Z", 50_00);
        order.delivered_at = order.shipped_at.map(|at| at.plus(60_000_000));
        facts.items.push(item(&order, "p9"));
        facts.refunds.push(Refund {
            order: order.order.clone(),
            to_buyer: Minor(50_00),
            ..facts.refunds[0].clone()
        });
        facts.orders.push(order);
    }
    let figures = Figures::of(&facts).unwrap();
    let flags = figures.table("flags").unwrap();
    let names: Vec<&str> = flags.rows.iter().map(|row| row[0].as_deref().unwrap()).collect();
    assert_eq!(names, ["refund_loop", "one_buyer", "same_amount", "burst", "never_travelled"]);
    assert_eq!(flags.rows[0][1].as_deref(), Some("9"));
    assert_eq!(flags.rows[0][4].as_deref(), Some("w0 w1 w2 w3 w4"));
}

#[test]
fn every_figure_has_a_definition_and_every_definition_a_figure() {
    let figures = Figures::of(&facts()).unwrap();
    let mut told: BTreeSet<&str> = figures.figures.iter().map(|figure| figure.id).collect();
    assert_eq!(told.len(), figures.figures.len(), "no figure is told twice");
    told.extend(figures.tables.iter().flat_map(|table| table.columns.iter().copied()));
    let defined: BTreeSet<&str> = DEFINITIONS.iter().map(|definition| definition.id).collect();
    assert_eq!(defined.len(), DEFINITIONS.len(), "no id is defined twice");
    assert_eq!(told, defined);
    assert!(Definition::of("turnover.net").is_some_and(|of| of.means.contains("refunds")));
    for table in &figures.tables {
        assert!(table.rows.iter().all(|row| row.len() == table.columns.len()), "{}", table.id);
    }
}

fn pack() -> Pack {
    let facts = facts();
    Pack::of(&facts, &Figures::of(&facts).unwrap(), Vec::new()).unwrap()
}

#[test]
fn a_pack_reads_back_as_it_was_from_a_folder_and_from_a_zip() {
    let (place, pack) = (tempfile::tempdir().unwrap(), pack());
    for name in ["pack", "pack.zip"] {
        let path = place.path().join(name);
        pack.write(&path).unwrap();
        let read = Pack::read(&path).unwrap();
        assert_eq!(read, pack);
        let checked = read.check();
        assert_eq!(checked.wrong, Vec::<String>::new());
        assert_eq!(checked.facts, Some(facts()));
        assert!(pack.write(&path).is_err(), "what is there is not written over");
    }
}

/// A pack whose files were changed by somebody who knows how the list is made.
fn forged(change: impl Fn(&mut Facts, &mut Figures)) -> Vec<String> {
    let mut facts = facts();
    let mut figures = Figures::of(&facts).unwrap();
    change(&mut facts, &mut figures);
    Pack::of(&facts, &figures, Vec::new()).unwrap().check().wrong
}

#[test]
fn a_figure_that_does_not_follow_from_its_lines_is_named_though_the_list_fits() {
    let wrong = forged(|_, figures| {
        let figure = figures.figures.iter_mut().find(|figure| figure.id == "turnover.buyer_paid").unwrap();
        figure.value = Some("1000.00".to_owned());
    });
    assert_eq!(wrong, ["turnover.buyer_paid is said to be 1000.00: its lines give 100.00"]);
    let wrong = forged(|_, figures| figures.tables[0].rows[1][7] = None);
    assert!(wrong.len() == 1 && wrong[0].starts_with("months[2]."), "{wrong:?}");
    let wrong = forged(|facts, _| facts.orders[2].paid = Minor(11_00));
    assert!(wrong.iter().any(|what| what.contains("items of order c")), "{wrong:?}");
    assert!(wrong.iter().any(|what| what.starts_with("turnover.buyer_paid")), "{wrong:?}");
    let wrong = forged(|facts, _| {
        facts.account.remove(2);
    });
    assert!(wrong.iter().any(|what| what.contains("no movement 3")), "{wrong:?}");
    let wrong = forged(|facts, _| facts.refunds[0].to_buyer = Minor(61_00));
    assert!(wrong.iter().any(|what| what.contains("gave back more")), "{wrong:?}");
    let mut strange = facts();
    strange.refunds[0].order = "x".to_owned();
    let error = Figures::of(&strange).unwrap_err().to_string();
    assert!(error.contains("refunds.csv: order x does not stand in orders.csv"), "{error}");
}

#[test]
fn what_was_added_or_is_missing_is_named() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("pack");
    pack().write(&path).unwrap();
    std::fs::write(path.join("letter.txt"), "trust us").unwrap();
    std::fs::remove_file(path.join("disputes.csv")).unwrap();
    let wrong = Pack::read(&path).unwrap().check().wrong;
    for part in ["letter.txt is not in the list", "disputes.csv is missing"] {
        assert!(wrong.iter().any(|what| what.contains(part)), "{wrong:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// A bit of any file, a cut, a row twice, dropped, or in another's place.
    #[test]
    fn no_change_of_any_file_is_missed(which in any::<prop::sample::Index>(), spot in any::<prop::sample::Index>(), how in 0u8..5) {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("pack");
        pack().write(&path).unwrap();
        let names: Vec<_> = {
            let mut names: Vec<_> = std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()).collect();
            names.sort();
            names
        };
        let name = which.get(&names);
        let mut bytes = std::fs::read(name).unwrap();
        let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let (at, line) = (spot.index(bytes.len()), spot.index(lines.len()));
        match how {
            0 => bytes[at] ^= 1 << (at % 8),
            1 => bytes.truncate(at),
            2 => { lines.remove(line); bytes = lines.concat(); }
            3 => { lines.insert(line, lines[line].clone()); bytes = lines.concat(); }
            _ => { lines.swap(0, line); bytes = lines.concat(); }
        }
        prop_assume!(bytes != std::fs::read(name).unwrap());
        std::fs::write(name, &bytes).unwrap();
        // the list itself is held by the market's log: its digest is another one
        let read = Pack::read(&path).unwrap();
        let held = !read.check().wrong.is_empty() || read.digest() != pack().digest();
        prop_assert!(held, "{name:?} by {how}");
    }
}
