//! An account's rows against what was sealed of them: nothing can be left out, put in or changed.
#![allow(clippy::unwrap_used, clippy::inconsistent_digit_grouping)] // 60_00 is 60.00

use daybook_domain::{Currency, Timestamp};
use daybook_packs::{
    DEFINITIONS_VERSION, FORMAT, Facts, Minor, Movement, OPENING, Sealed, SealedLine, SealedMonths, Subject,
    ToldBy,
};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn moved(when: &str, event: &str, order: Option<&str>, [pending, available]: [i64; 2]) -> Movement {
    Movement {
        number: 0,
        at: at(when),
        event: event.to_owned(),
        about: None,
        order: order.map(str::to_owned),
        reference: None,
        settlement: None,
        pending: Minor(pending),
        available: Minor(available),
        held: Minor(0),
        reserve: Minor(0),
        in_transit: Minor(0),
        deposit: Minor(0),
        frozen: Minor(0),
        converted: None,
    }
}

fn line(when: &str, event: &str, order: Option<&str>, amount: i64, within: i64) -> SealedLine {
    SealedLine {
        month: when[..7].to_owned(),
        day: when[..10].parse().unwrap(),
        booked_at: at(when),
        event: event.to_owned(),
        order: order.map(str::to_owned),
        amount,
        within,
    }
}

/// Two months of an account, of which January was sealed.
fn account() -> Vec<Movement> {
    let mut paid_in = moved("2024-01-05T00:00:00Z", "DepositPaid", None, [0, 0]);
    paid_in.deposit = Minor(100_00);
    vec![
        moved("2024-01-01T00:00:00Z", OPENING, None, [0, 5_00]),
        paid_in,
        moved("2024-01-10T00:00:00Z", "EscrowReleased", Some("a"), [80_00, 0]),
        moved("2024-01-10T00:00:00Z", "CommissionCharged", Some("a"), [-4_00, 0]),
        moved("2024-01-31T02:00:00Z", "SettlementClosed", None, [-76_00, 76_00]),
        moved("2024-02-03T00:00:00Z", "EscrowReleased", Some("b"), [9_00, 0]),
    ]
}

fn found(change: impl Fn(&mut Vec<Movement>)) -> Vec<String> {
    let mut account = account();
    change(&mut account);
    held(facts(account), |_| {})
}

/// What is found of these lines held to what was sealed of January.
fn held(facts: Facts, change: impl Fn(&mut Sealed)) -> Vec<String> {
    let mut sealed = Sealed {
        months: SealedMonths { from: "2024-01".to_owned(), through: "2024-01".to_owned() },
        opening: 5_00,
        lines: vec![
            line("2024-01-10T00:00:00Z", "EscrowReleased", Some("a"), 80_00, 0),
            line("2024-01-10T00:00:00Z", "CommissionCharged", Some("a"), -4_00, 0),
            line("2024-01-31T02:00:00Z", "SettlementClosed", None, 0, 76_00),
        ],
        elsewhere: Vec::new(),
    };
    change(&mut sealed);
    let mut wrong = Vec::new();
    facts.against(&sealed, &mut wrong);
    wrong
}

fn facts(mut account: Vec<Movement>) -> Facts {
    for (number, movement) in (1..).zip(&mut account) {
        movement.number = number;
    }
    let day = |text: &str| text.parse().unwrap();
    Facts {
        subject: Subject {
            format: FORMAT,
            definitions: DEFINITIONS_VERSION,
            market: "Old Tea Road".to_owned(),
            merchant: "m-1".to_owned(),
            currency: Currency::new("CNY").unwrap(),
            time_zone: "UTC".to_owned(),
            from: day("2024-01-01"),
            to: day("2024-02-29"),
            began: None,
            channels: ToldBy { rule: 1, lists: "0".repeat(64) },
            through: 99,
            drawn_at: at("2024-03-01T00:00:00Z"),
            sealed: None,
            issued: None,
        },
        standing: Vec::new(),
        orders: Vec::new(),
        items: Vec::new(),
        refunds: Vec::new(),
        disputes: Vec::new(),
        account,
        elsewhere: Vec::new(),
    }
}

#[test]
fn an_account_as_it_was_sealed_is_found_to_be_that() {
    assert_eq!(found(|_| {}), Vec::<String>::new());
    // what is booked after the last close rests on the market's word
    assert_eq!(found(|account| account[5].pending = Minor(900_00)), Vec::<String>::new());
}

#[test]
fn a_row_that_is_left_out_put_in_moved_or_changed_is_named_however_the_others_are_numbered() {
    type Change = fn(&mut Vec<Movement>);
    let cases: [(&str, Change); 7] = [
        (
            "lacks what was sealed in 2024-01: CommissionCharged of order a, booked 2024-01-10T00:00:00Z, -4.00",
            |a| {
                a.remove(3);
            },
        ),
        ("has what was not sealed in 2024-01: EscrowReleased of order a", |a| a.push(a[2].clone())),
        ("lacks what was sealed in 2024-01: EscrowReleased", |a| a[2].at = at("2024-02-10T00:00:00Z")),
        (
            "has what was not sealed in 2024-01: EscrowReleased of order a, booked 2024-01-10T00:00:00Z, 90.00",
            |a| {
                a[2].pending = Minor(90_00);
            },
        ),
        ("has what was not sealed in 2024-01: SettlementClosed", |a| {
            (a[4].pending, a[4].available) = (Minor(-70_00), Minor(70_00));
        }),
        ("of order b", |a| a[2].order = Some("b".to_owned())),
        ("account.csv comes to 6.00 before 2024-01-01, and 5.00 was sealed", |a| {
            a[0].available = Minor(6_00)
        }),
    ];
    for (what, change) in cases {
        let wrong = found(change).join("\n");
        assert!(wrong.contains(what), "{what}: {wrong}");
    }
}

#[test]
fn a_balance_of_which_no_line_was_sealed_was_nothing() {
    let nothing = |sealed: &mut Sealed| (sealed.opening, sealed.lines) = (0, Vec::new());
    let opening = |available| facts(vec![moved("2024-01-01T00:00:00Z", OPENING, None, [0, available])]);
    assert_eq!(held(opening(0), nothing), Vec::<String>::new());
    assert_eq!(
        held(opening(1_000_000_00), nothing),
        ["account.csv comes to 1000000.00 before 2024-01-01, and 0.00 was sealed"]
    );
}

#[test]
fn a_line_is_of_the_day_by_the_markets_calendar_and_a_pack_of_another_zone_is_found() {
    // what was booked on the evening of the last day by UTC is the next year's in Shanghai
    let zone = |sealed: &mut Sealed| sealed.lines[0].day = "2024-01-09".parse().unwrap();
    let wrong = held(facts(account()), zone).join("\n");
    assert!(wrong.contains("the pack's time zone is not the market's"), "{wrong}");
    let outside = |sealed: &mut Sealed| {
        sealed.lines.push(line("2023-12-31T20:00:00Z", "EscrowReleased", Some("z"), 1_00, 0));
        sealed.lines[3].day = "2024-01-01".parse().unwrap();
    };
    let wrong = held(facts(account()), outside).join("\n");
    assert!(wrong.contains("time zone is not the market's") && wrong.contains("of order z"), "{wrong}");
}

#[test]
fn the_end_of_a_payout_that_left_for_another_currency_stands_in_that_ones_lines() {
    let mut account = account();
    let mut left = moved("2024-01-20T00:00:00Z", "PayoutConverted", None, [0, 0]);
    (left.in_transit, left.reference) = (Minor(-5_00), Some("p".to_owned()));
    let mut ended = moved("2024-01-21T00:00:00Z", "PayoutConfirmed", None, [0, 0]);
    (ended.converted, ended.reference) = (Some(Minor(5_00)), Some("p".to_owned()));
    account.splice(4..4, [left, ended]);
    let sealed = |sealed: &mut Sealed| {
        sealed.lines.push(line("2024-01-20T00:00:00Z", "PayoutConverted", None, -5_00, 0));
    };
    let wrong = held(facts(account.clone()), sealed).join("\n");
    assert!(wrong.contains("PayoutConfirmed of a payout in another currency, booked 2024-01-21"), "{wrong}");
    let there = |of: &mut Sealed| {
        sealed(of);
        of.elsewhere.push((at("2024-01-21T00:00:00Z"), "PayoutConfirmed".to_owned()));
    };
    assert_eq!(held(facts(account.clone()), there), Vec::<String>::new());
    // one line there ends one payout
    account.insert(6, account[5].clone());
    let wrong = held(facts(account), there).join("\n");
    assert!(wrong.contains("PayoutConfirmed of a payout in another currency"), "{wrong}");
}

#[test]
fn what_was_sealed_before_a_pack_that_begins_within_a_month_is_in_its_opening() {
    // of January the pack has the days from the 15th on: 76.00 were released before them, of 5.00 at its start
    let begun = |opening| {
        let rows = account().into_iter().skip(4);
        let opening = moved("2024-01-15T00:00:00Z", OPENING, None, opening);
        let mut facts = facts(std::iter::once(opening).chain(rows).collect());
        facts.subject.from = "2024-01-15".parse().unwrap();
        facts
    };
    assert_eq!(held(begun([76_00, 5_00]), |_| {}), Vec::<String>::new());
    // as if what was sealed of the first days had not been
    assert_eq!(
        held(begun([0, 5_00]), |_| {}),
        ["account.csv comes to 5.00 before 2024-01-15, and 81.00 was sealed"]
    );
    // nor is what a statement of earlier months begins with the pack's opening
    let earlier = |sealed: &mut Sealed| {
        sealed.months.from = "2023-11".to_owned();
        sealed.opening = 900_00;
        sealed.lines.push(line("2023-11-10T00:00:00Z", "PayoutConfirmed", None, -895_00, 0));
    };
    assert_eq!(held(begun([76_00, 5_00]), earlier), Vec::<String>::new());
    let wrong = held(begun([900_00, 0]), earlier);
    assert_eq!(wrong, ["account.csv comes to 900.00 before 2024-01-15, and 81.00 was sealed"]);
}
