//! What the figures of lines made by hand come to.
#![allow(clippy::unwrap_used, clippy::inconsistent_digit_grouping)] // 60_00 is 60.00

mod hand;

use daybook_domain::{Currency, Money};
use daybook_packs::{Dispute, Elsewhere, Facts, Figures, Minor, Movement, OPENING, Pack, Refund};
use hand::{at, day, facts, item, moved, order};

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
        // 30 of 85 in 60 days: 85 x 30.4375 / 60 = 43.12 a month
        ("contingent.share", "0.6957"),
        // what is available and not in transit, and the deposit: 5 + 6 + 100 of 30
        ("liquidity.contingent_cover", "3.7000"),
        ("liquidity.min", "5.00"),
        ("liquidity.negative_days", "0"),
        ("liquidity.deposit_cover", "0.5000"),
        ("orders.unsettled", "2"),
        ("payouts.residual", "0.00"),
        ("measured.from", "2024-01-01"),
        ("measured.days", "60"),
        ("rate.shipped_on_time", "1.0000"),
    ] {
        assert_eq!(figures.get(id), Some(value), "{id}");
    }
    // one was available after 21 days, two have waited longer: half of them may never be
    assert_eq!(figures.get("days.to_available"), None);
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

/// The column of a table.
fn column<'f>(figures: &'f Figures, table: &str, id: &str) -> Vec<Option<&'f str>> {
    let table = figures.table(table).unwrap();
    let place = table.columns.iter().position(|column| *column == id).unwrap();
    table.rows.iter().map(|row| row[place].as_deref()).collect()
}

#[test]
fn a_grade_needs_a_trace_that_neither_buyer_nor_merchant_made() {
    let mut facts = facts();
    // everything that two friends can make: seen, tracked, received, reviewed
    for order in &mut facts.orders {
        order.views = 3;
        order.received_by = Some("buyer".to_owned());
    }
    let figures = Figures::of(&facts).unwrap();
    assert_eq!(figures.get("corroboration.share"), Some("0.0000"));
    assert_eq!(
        column(&figures, "corroboration", "orders.paid")[..4],
        [Some("0"), Some("0"), Some("3"), Some("0")]
    );

    // 60 of which 15 went back, 30, and 10 that all went back
    facts.orders[0].statement = Some("5d82d134984055b4".to_owned());
    facts.orders[1].received_by = Some("inspection".to_owned());
    (facts.orders[1].views, facts.orders[1].tracked, facts.orders[1].reviews) = (0, 0, 0);
    facts.refunds.push(Refund { order: "c".to_owned(), to_buyer: Minor(10_00), ..facts.refunds[0].clone() });
    let figures = Figures::of(&facts).unwrap();
    assert_eq!(column(&figures, "corroboration", "orders.paid"), ["1", "1", "0", "0", "1"].map(Some));
    assert_eq!(
        column(&figures, "corroboration", "turnover.kept"),
        ["45.00", "30.00", "0.00", "0.00", "0.00"].map(Some)
    );
    assert_eq!(figures.get("corroboration.share"), Some("1.0000"));
    assert_eq!(figures.get("corroboration.statement"), Some("0.6000"));
    let pack = Pack::of(&facts, &figures, Vec::new()).unwrap();
    let told = String::from_utf8(pack.file("grades.csv").unwrap().to_vec()).unwrap();
    let expected = "\na,A,yes,no,yes,yes,yes,yes\nb,B,no,yes,no,no,no,no\nc,R,no,no,yes,yes,yes,yes\n";
    assert!(told.ends_with(expected), "{told}");

    // where a sales channel shows nothing but a timeout, what it cannot show is not asked for
    facts.orders[2].sales_channel = "elsewhere".to_owned();
    facts.orders[2].statement = Some("5d82d134984055b4".to_owned());
    (facts.orders[2].views, facts.orders[2].received_by, facts.orders[2].reviews) = (0, None, 0);
    facts.refunds.pop();
    assert_eq!(column(&Figures::of(&facts).unwrap(), "corroboration", "orders.paid")[0], Some("2"));
}

#[test]
fn many_buyers_of_one_terminal_are_named_and_its_views_speak_for_none() {
    let mut facts = facts();
    for n in 0..5 {
        let mut order =
            order(&format!("k{n}"), 20 + n, "2024-01-15", "2024-01-15T03:00:00Z", 50_00 + i64::from(n));
        (order.terminal, order.views) = (Some(7), 9);
        facts.items.push(item(&order, "p9"));
        facts.orders.push(order);
    }
    let figures = Figures::of(&facts).unwrap();
    assert_eq!(column(&figures, "flags", "flag"), [Some("one_terminal")]);
    assert_eq!(column(&figures, "flags", "flag.evidence"), [Some("k0 k1 k2 k3 k4")]);
    assert_eq!((figures.get("flags.orders"), figures.get("flags.share")), (Some("5"), Some("0.7144")));
    assert_eq!(figures.get("corroboration.viewed"), Some("0.0000"));
    // four are a household
    facts.orders[3].terminal = None;
    let figures = Figures::of(&facts).unwrap();
    assert_eq!((figures.get("flags"), figures.get("flags.share")), (Some("0"), Some("0.0000")));
    assert_ne!(figures.get("corroboration.viewed"), Some("0.0000"));
}

#[test]
fn regulars_are_no_pattern_and_long_tables_say_how_much_they_leave_out() {
    let mut facts = facts();
    let mut add = |id: String, buyer: u32, paid_at: &str, paid: i64| {
        let order = order(&id, buyer, "2024-01-01", paid_at, paid);
        facts.items.push(item(&order, "p9"));
        facts.orders.push(order);
    };
    // the same every other week
    for (n, day) in ["01", "15", "29"].into_iter().enumerate() {
        add(format!("s{n}"), 30, &format!("2024-01-{day}T03:00:00Z"), 5_00);
    }
    for (n, day) in ["12", "26"].into_iter().enumerate() {
        add(format!("t{n}"), 30, &format!("2024-02-{day}T03:00:00Z"), 5_00);
    }
    // sixty who order five times on a day
    for buyer in 100..160 {
        for n in 0..5i64 {
            add(
                format!("b{buyer}-{n}"),
                buyer,
                "2024-02-15T03:00:00Z",
                1_00 + n + 10 * i64::from(buyer - 100),
            );
        }
    }
    let figures = Figures::of(&facts).unwrap();
    assert_eq!((figures.get("flags"), figures.get("flags.orders")), (Some("60"), Some("300")));
    let told = column(&figures, "flags", "flag.buyer");
    assert_eq!((told.len(), told[0], told[49]), (50, Some("159"), Some("110")), "the largest stand there");
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
    assert_eq!(flags.rows[0][5].as_deref(), Some("w0 w1 w2 w3 w4"));
}

/// Two years, of which the merchant was there for the last thirteen months and sold the same in each.
fn young() -> Facts {
    let mut young = facts();
    (young.subject.from, young.subject.to) = (day("2023-01-01"), day("2024-12-31"));
    young.subject.began = Some(day("2023-12-01"));
    let months = (2023 * 12 + 11..).take(13).map(|month| (month / 12, month % 12 + 1));
    young.orders = months
        .map(|(year, month)| {
            let paid_at = format!("{year}-{month:02}-15T02:00:00Z");
            order(&format!("{year}-{month}"), 1, "2023-12-15", &paid_at, 100_00)
        })
        .collect();
    young.items = young.orders.iter().map(|of| item(of, "p1")).collect();
    (young.refunds, young.disputes) = (Vec::new(), Vec::new());
    young.account = vec![
        moved(1, "2022-12-31T16:00:00Z", OPENING, [0; 7]),
        moved(2, "2023-12-10T00:00:00Z", "RewardGranted", [50_00, 0, 0, 0, 0, 0, 0]),
    ];
    young
}

fn told(figures: &Figures, expected: &[(&str, Option<&str>)]) {
    for (id, value) in expected {
        assert_eq!(figures.get(id), *value, "{id}");
    }
}

#[test]
fn a_young_merchant_is_measured_from_its_first_day() {
    let mut young = young();
    let figures = Figures::of(&young).unwrap();
    told(
        &figures,
        &[
            ("measured.from", Some("2023-12-01")),
            ("measured.days", Some("397")),
            // thirteen of these days have a sale
            ("days.zero", Some("384")),
            ("growth.year", None),
            ("growth.quarter", Some("0.0000")),
            ("trend.slope", Some("0.00")),
            ("volatility.monthly", Some("0.0000")),
            // 50.00 on 388 of 397 days
            ("liquidity.mean", Some("48.87")),
            ("liquidity.min", Some("0.00")),
            ("liquidity.p5", Some("50.00")),
        ],
    );
    assert_eq!(column(&figures, "months", "days.zero")[10..12], [Some("0"), Some("30")]);
    // had it been there all the time, the year had grown from 100 to 1,200
    young.subject.began = Some(day("2022-06-01"));
    let old = Figures::of(&young).unwrap();
    told(&old, &[("growth.year", Some("11.0000")), ("measured.days", Some("731"))]);
    // and where it has not begun, nothing is measured
    let mut none = young.clone();
    none.subject.began = None;
    (none.orders, none.items) = (Vec::new(), Vec::new());
    told(
        &Figures::of(&none).unwrap(),
        &[("measured.from", None), ("days.zero", Some("0")), ("liquidity.mean", None), ("trend.slope", None)],
    );
}

#[test]
fn the_edges_of_the_days_are_those_of_the_market_s_zone() {
    let mut edges = facts();
    // the last microsecond of 29 February in Shanghai, and the first of 1 March; the first of January, and the last of December
    for (order, when) in
        [(0, "2024-02-29T15:59:59.999999Z"), (1, "2024-02-29T16:00:00Z"), (2, "2023-12-31T16:00:00Z")]
    {
        edges.orders[order].paid_at = Some(at(when));
    }
    edges.refunds[0].at = at("2023-12-31T15:59:59.999999Z");
    let figures = Figures::of(&edges).unwrap();
    assert_eq!(column(&figures, "months", "turnover.buyer_paid"), [Some("10.00"), Some("60.00")]);
    told(&figures, &[("orders.paid", Some("2")), ("refunds.by_refund", Some("0.00"))]);

    // hours that a clock skips or repeats belong to the day on which they begin
    edges.subject.time_zone = "America/Sao_Paulo".to_owned();
    (edges.subject.from, edges.subject.to) = (day("2017-10-15"), day("2018-02-17"));
    for (order, when) in
        [(0, "2017-10-15T02:59:59.999999Z"), (1, "2017-10-15T03:00:00Z"), (2, "2018-02-18T02:59:59.999999Z")]
    {
        edges.orders[order].paid_at = Some(at(when));
    }
    edges.account.truncate(1);
    let figures = Figures::of(&edges).unwrap();
    told(&figures, &[("orders.paid", Some("2")), ("turnover.buyer_paid", Some("40.00"))]);
}

fn movement(event: &str, when: &str, payout: &str, of: [i64; 7]) -> Movement {
    let mut movement = moved(0, when, event, of);
    movement.reference = Some(payout.to_owned());
    movement
}

/// The figures of an account alone.
fn of_account(movements: Vec<Movement>) -> Figures {
    let mut facts = facts();
    facts.account.truncate(1);
    facts.account[0].available = Minor(0);
    facts.account.extend(movements);
    Figures::of(&facts).unwrap()
}

#[test]
fn a_converted_payout_is_paid_out_when_the_bank_says_so() {
    let (available, asked, gone) =
        ([0, 70_00, 0, 0, 0, 0, 0], [0, -70_00, 0, 0, 70_00, 0, 0], [0, 0, 0, 0, -70_00, 0, 0]);
    let until = |end: Option<&str>| {
        let mut movements = vec![
            movement("ReserveReleased", "2024-01-02T00:00:00Z", "s", available),
            movement("PayoutRequested", "2024-01-05T00:00:00Z", "p", asked),
            movement("PayoutConverted", "2024-01-05T00:00:00Z", "p", gone),
        ];
        movements.extend(end.map(|end| {
            let mut end = movement(end, "2024-01-08T00:00:00Z", "p", [0; 7]);
            end.converted = Some(Minor(70_00));
            end
        }));
        of_account(movements)
    };
    let common = [("account.converted", Some("70.00")), ("payouts.residual", Some("0.00"))];
    told(&until(None), &common);
    told(&until(None), &[("account.paid_out", Some("0.00")), ("days.to_paid_out", None)]);
    let confirmed = until(Some("PayoutConfirmed"));
    told(&confirmed, &common);
    told(
        &confirmed,
        &[
            ("account.paid_out", Some("70.00")),
            ("payouts.confirmed", Some("1")),
            ("days.to_paid_out", Some("6.0")),
        ],
    );
    let failed = until(Some("PayoutFailed"));
    told(&failed, &common);
    told(
        &failed,
        &[
            ("account.paid_out", Some("0.00")),
            ("payouts.failed", Some("1")),
            ("payouts.failed_amount", Some("70.00")),
            ("days.to_paid_out", None),
            ("closing.available", Some("0.00")),
        ],
    );
}

#[test]
fn what_was_held_or_came_back_has_waited_all_the_while() {
    let (comes, asked, paid) =
        ([0, 10_00, 0, 0, 0, 0, 0], [0, -10_00, 0, 0, 10_00, 0, 0], [0, 0, 0, 0, -10_00, 0, 0]);
    let held = of_account(vec![
        movement("ReserveReleased", "2024-01-01T00:00:00Z", "s", comes),
        movement("BalanceHeld", "2024-01-02T00:00:00Z", "h", [0, -10_00, 10_00, 0, 0, 0, 0]),
        movement("BalanceHoldLifted", "2024-02-01T00:00:00Z", "h", [0, 10_00, -10_00, 0, 0, 0, 0]),
        movement("PayoutRequested", "2024-02-01T12:00:00Z", "p", asked),
        movement("PayoutConfirmed", "2024-02-02T00:00:00Z", "p", paid),
    ]);
    told(&held, &[("days.to_paid_out", Some("32.0"))]);
    let mut back = vec![
        movement("ReserveReleased", "2024-01-01T00:00:00Z", "s", comes),
        movement("PayoutRequested", "2024-01-02T00:00:00Z", "p", asked),
        movement("PayoutConfirmed", "2024-01-06T00:00:00Z", "p", paid),
        movement("PayoutReturned", "2024-01-10T00:00:00Z", "p", comes),
    ];
    told(&of_account(back.clone()), &[("days.to_paid_out", None), ("account.paid_out", Some("0.00"))]);
    back.push(movement("PayoutRequested", "2024-01-12T00:00:00Z", "q", asked));
    back.push(movement("PayoutConfirmed", "2024-01-21T00:00:00Z", "q", paid));
    told(&of_account(back), &[("days.to_paid_out", Some("20.0")), ("account.paid_out", Some("10.00"))]);
}

#[test]
fn the_account_s_columns_tell_rulings_reversed_and_the_deposit_apart() {
    let about = |event: &str, about: &str, pending: i64| {
        let mut movement = moved(0, "2024-01-05T00:00:00Z", event, [pending, 0, 0, 0, 0, 0, 0]);
        movement.about = Some(about.to_owned());
        movement
    };
    let mut good = about("DepositDeducted", "deposit", 7_00);
    good.deposit = Minor(-7_00);
    let figures = of_account(vec![
        about("RulingReversed", "ruling_reversed", 5_00),
        about("RewardGranted", "reward", 2_00),
        about("AdjustmentApproved", "adjustment", -50),
        good,
        moved(0, "2024-01-06T00:00:00Z", "DepositDeducted", [0, 0, 0, 0, 0, 0, -3_00]),
    ]);
    told(
        &figures,
        &[
            ("account.rulings_reversed", Some("5.00")),
            ("account.from_deposit", Some("7.00")),
            ("account.other", Some("1.50")),
            ("account.deposit_deducted", Some("3.00")),
            ("closing.deposit", Some("90.00")),
        ],
    );
}

#[test]
fn what_never_came_is_not_on_time() {
    let mut late = facts();
    let pattern = order("x", 1, "2023-12-24", "2024-01-01T02:00:00Z", 1_00);
    late.orders = (0..100)
        .map(|n| {
            let mut order = pattern.clone();
            order.order = n.to_string();
            order.ship_by = Some(at("2024-01-03T10:00:00Z"));
            let sent = (n < 60).then(|| at("2024-01-02T10:00:00Z"));
            (order.shipped_at, order.shipped_all_at, order.delivered_at) = (sent, sent, None);
            order
        })
        .collect();
    // a piece of each of the others has left: the order has not
    late.orders[70].shipped_at = Some(at("2024-01-02T10:00:00Z"));
    late.items = late.orders.iter().map(|of| item(of, "p1")).collect();
    (late.refunds, late.disputes) = (Vec::new(), Vec::new());
    told(&Figures::of(&late).unwrap(), &[("rate.shipped_on_time", Some("0.6000")), ("rate.return", None)]);
    // what was cancelled in time was not due; what is promised for later is not yet
    for order in &mut late.orders[60..80] {
        order.cancelled_at = Some(at("2024-01-03T01:00:00Z"));
    }
    for order in &mut late.orders[80..100] {
        order.ship_by = Some(at("2024-02-29T10:00:00Z"));
    }
    told(&Figures::of(&late).unwrap(), &[("rate.shipped_on_time", Some("1.0000"))]);
}

#[test]
fn a_dispute_is_open_until_its_ruling_stands() {
    let mut facts = facts();
    let of = |id: &str, outcome: Option<&str>, refund: i64| Dispute {
        dispute: id.to_owned(),
        ruled_at: Some(at("2024-02-21T00:00:00Z")),
        decided_at: outcome.map(|_| at("2024-02-25T00:00:00Z")),
        outcome: outcome.map(str::to_owned),
        refund: Minor(refund),
        ..facts.disputes[0].clone()
    };
    let ends = [None, Some("buyer"), Some("split"), Some("merchant"), Some("withdrawn")];
    let mut cases: Vec<Dispute> =
        ends.into_iter().enumerate().map(|(n, end)| of(&format!("d{n}"), end, 10_00 * n as i64)).collect();
    cases.push(Dispute { kind: "chargeback".to_owned(), ..of("k", Some("merchant"), 0) });
    facts.disputes = cases;
    told(
        &Figures::of(&facts).unwrap(),
        &[
            ("contingent.disputes", Some("1")),
            ("contingent.disputes_amount", Some("30.00")),
            ("disputes.opened", Some("5")),
            ("disputes.lost", Some("1")),
            ("disputes.split", Some("1")),
            ("disputes.won", Some("1")),
            ("disputes.withdrawn", Some("1")),
            ("disputes.lost_amount", Some("30.00")),
            ("chargebacks.won", Some("1")),
            ("chargebacks.won_amount", Some("30.00")),
        ],
    );
}

#[test]
fn other_currencies_are_told_though_their_lines_are_not() {
    let mut facts = facts();
    let dollars = Currency::new("USD").unwrap();
    let amount = |minor| Money::new(minor, dollars);
    facts.elsewhere.push(Elsewhere {
        currency: dollars,
        orders: 3,
        paid: amount(90_00),
        refunded: amount(0),
        disputes: amount(20_00),
        chargebacks: amount(0),
        balance: amount(-293_29),
        deposit: amount(0),
    });
    let figures = Figures::of(&facts).unwrap();
    assert_eq!(column(&figures, "currencies", "elsewhere.balance"), [Some("-293.29 USD")]);
    assert_eq!(column(&figures, "currencies", "elsewhere.disputes"), [Some("20.00 USD")]);
    let pack = Pack::of(&facts, &figures, Vec::new()).unwrap();
    assert_eq!(pack.check().facts, Some(facts));
}
