//! An account's rows against what was sealed of them: nothing can be left out, put in or changed.
#![allow(clippy::unwrap_used, clippy::inconsistent_digit_grouping)] // 60_00 is 60.00

use daybook_domain::{Currency, Timestamp};
use daybook_packs::{
    DEFINITIONS_VERSION, FORMAT, Facts, Minor, Movement, OPENING, Sealed, SealedLine, SealedMonths, Subject,
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
        moved("2023-12-31T00:00:00Z", OPENING, None, [0, 5_00]),
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
    for (number, movement) in (1..).zip(&mut account) {
        movement.number = number;
    }
    let day = |text: &str| text.parse().unwrap();
    let facts = Facts {
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
    };
    let sealed = Sealed {
        months: SealedMonths { from: "2024-01".to_owned(), through: "2024-01".to_owned() },
        opening: Some(5_00),
        lines: vec![
            line("2024-01-10T00:00:00Z", "EscrowReleased", Some("a"), 80_00, 0),
            line("2024-01-10T00:00:00Z", "CommissionCharged", Some("a"), -4_00, 0),
            line("2024-01-31T02:00:00Z", "SettlementClosed", None, 0, 76_00),
        ],
    };
    let mut wrong = Vec::new();
    facts.against(&sealed, &mut wrong);
    wrong
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
        ("account.csv comes to 6.00 before 2024-01, and 5.00 was sealed", |a| a[0].available = Minor(6_00)),
    ];
    for (what, change) in cases {
        let wrong = found(change).join("\n");
        assert!(wrong.contains(what), "{what}: {wrong}");
    }
}
