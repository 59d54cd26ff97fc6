//! Each check passes over a small honest history, and finds the one thing that was bent in it.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::time::Duration;

use daybook_domain::account::lines::{Line, digest};
use daybook_domain::{Currency, Event, EventKind, Money, Refs, Timestamp};
use daybook_journal::{
    Append, Appending, Cause, Expected, Filter, Journal, JournalError, MemoryJournal, NewEvent, Position,
    Recorded, Scanned, Version, Visit,
};
use uuid::Uuid;

use super::{Report, verify};
use crate::settlement::audit;

/// A row of a history: stream, type, payload.
type Row = (&'static str, &'static str, String);

/// 100.00 captured for one order of two lines, released, commission of 10 % charged.
fn history() -> Vec<Row> {
    let line = |id: &str, price: &str| {
        format!(
            r#"{{"line":"{id}","product":"p","category":"toys","quantity":1,"unit_price":{0},"discount":{1},
            "commission_rate":"0.1","shipping":{1},"tax":{1},"subsidies":[]}}"#,
            cny(price),
            cny("0.00")
        )
    };
    let part = format!(r#"{{"payment":"pay","provider":"card","method":"card","amount":{}}}"#, cny("100.00"));
    vec![
        (
            "checkout-c",
            "CheckoutOpened",
            format!(
                r#"{{"buyer":"b","currency":"CNY","orders":[{{"order":"o","merchant":"m","buyer_pays":{0}}}],"due":{0}}}"#,
                cny("100.00")
            ),
        ),
        (
            "order-o",
            "OrderPlaced",
            format!(
                r#"{{"checkout":"c","buyer":"b","merchant":"m","lines":[{},{}],"shipping":{2},"subsidies":[],
            "buyer_pays":{3},"total":{3},"fee_schedule_version":1,"sales_channel":"web"}}"#,
                line("1", "70.00"),
                line("2", "30.00"),
                cny("0.00"),
                cny("100.00")
            ),
        ),
        (
            "checkout-c",
            "PaymentCaptured",
            format!(
                r#"{{"payment":"pay","method":"card","provider":"card","provider_ref":"r1","amount":{}}}"#,
                cny("100.00")
            ),
        ),
        (
            "checkout-c",
            "FundsAllocated",
            format!(r#"{{"order":"o","merchant":"m","parts":[{part}],"shortfall":{}}}"#, cny("0.00")),
        ),
        (
            "order-o",
            "EscrowFunded",
            format!(r#"{{"parts":[{part}],"shortfall":{},"subsidies":[]}}"#, cny("0.00")),
        ),
        (
            "order-o",
            "EscrowReleased",
            format!(
                r#"{{"lines":[{{"line":"1","quantity":1,"to_merchant":{0},"tax":{1}}}],"to_merchant":{0}}}"#,
                cny("70.00"),
                cny("0.00")
            ),
        ),
        (
            "order-o",
            "CommissionCharged",
            format!(
                r#"{{"lines":[{{"line":"1","category":"toys","base":{0},"rate":"0.1","amount":{1}}}],"amount":{1},"vat":{2}}}"#,
                cny("70.00"),
                cny("7.00"),
                cny("0.00")
            ),
        ),
        (
            "order-o",
            "EscrowRefunded",
            format!(
                r#"{{"refund":"f","lines":[{{"line":"2","quantity":1,"gross":{0},"merchant_base":{0}}}],"to_buyer":{0},
            "subsidies_back":[],"shortfall_back":{1},"parts":[{{"payment":"pay","provider":"card","method":"card",
                "amount":{0}}}],"reason":"lost"}}"#,
                cny("30.00"),
                cny("0.00")
            ),
        ),
        (
            "order-o",
            "RefundPaid",
            format!(
                r#"{{"refund":"f","parts":[{{"payment":"pay","provider":"card","amount":{},"provider_ref":"r2"}}]}}"#,
                cny("30.00")
            ),
        ),
        ("order-o", "OrderCompleted", "{}".to_owned()),
    ]
}

fn cny(amount: &str) -> String {
    format!(r#"{{"amount":"{amount}","currency":"CNY"}}"#)
}

fn refs(stream: &str) -> Refs {
    let (category, id) = stream.split_once('-').unwrap();
    let mut refs = Refs { checkout: Some("c".parse().unwrap()), ..Refs::default() };
    refs.merchant = matches!(category, "order" | "account").then(|| "m".parse().unwrap());
    refs.order = (category == "order").then(|| id.parse().unwrap());
    refs
}

/// Writes a history, one command an event.
fn journal(rows: &[Row]) -> MemoryJournal {
    let journal = MemoryJournal::default();
    for (at, (stream, kind, data)) in rows.iter().enumerate() {
        let event = Event::decode(kind, 1, data).unwrap_or_else(|e| panic!("{kind}: {e}"));
        let append = Append {
            stream: (*stream).to_owned(),
            expected: Expected::Any,
            cause: Cause {
                command: Uuid::from_u128(at as u128 + 1),
                fingerprint: [0; 16],
                correlation: Uuid::from_u128(at as u128 + 1),
                actor: Cow::Borrowed("test"),
            },
            events: vec![NewEvent {
                id: Uuid::from_u128(1_000 + at as u128),
                kind: Cow::Borrowed(kind),
                schema: 1,
                occurred_at: 1_500_000_000_000_000 + at as i64,
                refs: serde_json::to_string(&refs(stream)).unwrap(),
                data: event.encode(),
            }],
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(journal.append(vec![append])).remove(0).unwrap();
    }
    journal
}

fn report(rows: &[Row]) -> Report {
    verify(&journal(rows), &mut |_, _, _| {}).unwrap()
}

/// The invariants that a report finds violated.
fn violated(report: &Report) -> Vec<u8> {
    let mut found: Vec<u8> = report.checks.iter().filter(|c| c.violated > 0).map(|c| c.invariant).collect();
    found.dedup();
    found
}

fn texts(report: &Report) -> String {
    let all = report.checks.iter().flat_map(|c| &c.violations);
    all.map(|v| format!("{}: {}\n", v.id, v.what)).collect()
}

/// The honest history with one row changed.
fn bent(kind: &str, from: &str, to: &str) -> Vec<Row> {
    let mut rows = history();
    let row = rows.iter_mut().find(|row| row.1 == kind).unwrap();
    assert!(row.2.contains(from), "{kind} has no {from}");
    row.2 = row.2.replace(from, to);
    rows
}

#[test]
fn an_honest_history_is_clean_and_every_check_looked_at_something_of_it() {
    let report = report(&history());
    assert!(report.clean(), "{}", texts(&report));
    let idle: Vec<&str> = report.checks.iter().filter(|c| c.checked == 0).map(|c| c.holds).collect();
    // a settlement, a deposit, an account and a closed period do not occur in it
    assert_eq!(idle.len(), 5, "{idle:?}");
}

#[test]
fn every_bent_figure_is_found_by_its_invariant() {
    let table = [
        ("more is released than escrow holds", bent("EscrowReleased", "70.00", "70.01"), 1),
        (
            "the order's flow does not add up",
            bent("EscrowRefunded", r#""to_buyer":{"amount":"30.00""#, r#""to_buyer":{"amount":"29.00""#),
            2,
        ),
        ("escrow takes more than was allocated", bent("EscrowFunded", "100.00", "100.01"), 3),
        (
            "commission is not the rate of its base",
            bent("CommissionCharged", r#""amount":"7.00""#, r#""amount":"7.01""#),
            4,
        ),
        (
            "commission is charged on too small a base",
            bent("CommissionCharged", r#""base":{"amount":"70.00""#, r#""base":{"amount":"69.99""#),
            4,
        ),
        ("a refund exceeds what was paid", bent("EscrowRefunded", "30.00", "130.00"), 4),
        ("more of a refund is paid than is owed", bent("RefundPaid", "30.00", "31.00"), 6),
        (
            "a provider's reference is used twice",
            {
                let mut rows = history();
                rows.push(("checkout-c", "PaymentCaptured", rows[2].2.replace(r#""pay""#, r#""pay2""#)));
                rows
            },
            10,
        ),
    ];
    for (what, rows, invariant) in table {
        let report = report(&rows);
        assert!(
            violated(&report).contains(&invariant),
            "{what}: {:?}\n{}",
            violated(&report),
            texts(&report)
        );
    }
}

/// The two lines of the honest history, as they stand in its journal.
fn lines() -> Vec<Line> {
    let line = |number, event, at: usize, minor| Line {
        number,
        amount: Money::new(minor, Currency::new("CNY").unwrap()),
        event,
        occurred_at: Timestamp(1_500_000_000_000_000 + at as i64),
        booked_at: Timestamp(1_500_000_000_000_000 + at as i64),
        order: Some("o".parse().unwrap()),
    };
    let at = |kind| history().iter().position(|row| row.1 == kind).unwrap();
    vec![
        line(1, EventKind::EscrowReleased, at("EscrowReleased"), 7_000),
        line(2, EventKind::CommissionCharged, at("CommissionCharged"), -700),
    ]
}

/// The honest history, and the settlement of its two lines, with one text of it replaced.
fn settled(from: &str, to: &str) -> Vec<Row> {
    let mut rows = history();
    let closed = format!(
        r#"{{"settlement":"s","until":"2018-01-01T00:00:00Z","through":2,"currency":"CNY","carried_in":{0},
        "gross":{1},"refunds":{0},"commission":{2},"fees":{0},"rewards":{0},"penalties":{0},"chargebacks":{0},
        "adjustments":{0},"total":{3},"held_as_reserve":{0},"taken_from_available":{0},"carried_out":{0},
        "orders":1,"lines":2,"digest":"{4}"}}"#,
        cny("0.00"),
        cny("70.00"),
        cny("7.00"),
        cny("63.00"),
        digest(&lines())
    );
    assert!(closed.contains(from), "the settlement has no {from}");
    rows.push(("account-m", "SettlementClosed", closed.replacen(from, to, 1)));
    rows
}

#[test]
fn a_settlement_is_derived_again_and_must_equal_the_one_that_was_closed() {
    let honest = report(&settled("", ""));
    assert!(honest.clean(), "{}", texts(&honest));
    assert!(audit(&journal(&settled("", "")), None, &mut |_, _| {}).unwrap().clean());
    let digest = digest(&lines());
    for (from, to) in [
        (r#""gross":{"amount":"70.00""#, r#""gross":{"amount":"70.01""#),
        (r#""refunds":{"amount":"0.00""#, r#""refunds":{"amount":"0.01""#),
        (r#""commission":{"amount":"7.00""#, r#""commission":{"amount":"6.99""#),
        (r#""fees":{"amount":"0.00""#, r#""fees":{"amount":"0.01""#),
        (r#""adjustments":{"amount":"0.00""#, r#""adjustments":{"amount":"-0.01""#),
        (r#""carried_in":{"amount":"0.00""#, r#""carried_in":{"amount":"-0.01""#),
        (r#""carried_out":{"amount":"0.00""#, r#""carried_out":{"amount":"-0.01""#),
        (r#""total":{"amount":"63.00""#, r#""total":{"amount":"63.01""#),
        (r#""held_as_reserve":{"amount":"0.00""#, r#""held_as_reserve":{"amount":"1.00""#),
        (r#""through":2"#, r#""through":1"#),
        (r#""through":2"#, r#""through":3"#),
        ("2018-01-01", "2017-01-01"),
        (r#""lines":2"#, r#""lines":1"#),
        (r#""orders":1"#, r#""orders":2"#),
        (digest.as_str(), "d"),
    ] {
        let rows = settled(from, to);
        let found = report(&rows);
        assert_eq!(violated(&found), [8], "{from} -> {to}: {}", texts(&found));
        let audited = audit(&journal(&rows), Some("s".parse().unwrap()), &mut |_, _| {}).unwrap();
        assert_eq!((audited.settlements, audited.differences.len()), (1, 1), "{from} -> {to}");
    }
}

#[test]
fn what_a_merchant_has_must_be_what_it_earned() {
    // the postings follow the lines, the tally of the merchant follows the event's own total
    let rows =
        bent("CommissionCharged", r#"}],"amount":{"amount":"7.00""#, r#"}],"amount":{"amount":"7.01""#);
    assert_eq!(violated(&report(&rows)), [7]);
}

#[test]
fn a_release_under_an_open_dispute_is_found() {
    let mut rows = history();
    let dispute = format!(
        r#"{{"dispute":"d","by":"buyer","category":"quality","claim":{},"lines":[{{"line":"1","quantity":1}}],
        "answer_due":"2018-01-01T00:00:00Z"}}"#,
        cny("70.00")
    );
    rows.insert(5, ("order-o", "DisputeOpened", dispute));
    assert_eq!(violated(&report(&rows)), [9]);
}

#[test]
fn what_is_open_is_listed_and_no_violation() {
    let mut rows = history();
    rows.retain(|row| row.1 != "RefundPaid");
    let report = report(&rows);
    assert!(report.clean(), "{}", texts(&report));
    let open: Vec<_> = report.checks.iter().flat_map(|c| &c.open).collect();
    let [refund] = open[..] else { panic!("{open:?}") };
    assert_eq!((refund.account.as_str(), refund.reason), ("Refunds:o", "not_paid_yet"));
    assert_eq!((refund.amount.to_string().as_str(), refund.since.0), ("30.00 CNY", 1_500_000_000_000_007));
}

/// What is done to an event on its way out.
type Tamper = fn(Recorded<'_>) -> Recorded<'_>;

/// A journal that hands out its events changed: what a damaged or doctored file would do.
struct Tampered {
    inner: MemoryJournal,
    tamper: Tamper,
}

impl Journal for Tampered {
    fn describe(&self) -> String {
        self.inner.describe()
    }
    fn append(&self, items: Vec<Append>) -> Appending<'_> {
        self.inner.append(items)
    }
    fn head(&self) -> Result<Position, JournalError> {
        self.inner.head()
    }
    fn scan(
        &self,
        after: Position,
        upto: Option<Position>,
        filter: &Filter,
        visit: Visit<'_>,
    ) -> Result<Scanned, JournalError> {
        self.inner.scan(after, upto, filter, &mut |event| -> ControlFlow<()> { visit((self.tamper)(event)) })
    }
    fn read_stream(&self, stream: &str, after: Version, visit: Visit<'_>) -> Result<Version, JournalError> {
        self.inner.read_stream(stream, after, visit)
    }
    fn read_streams(
        &self,
        streams: &[&str],
        upto: Option<Position>,
        visit: Visit<'_>,
    ) -> Result<(), JournalError> {
        self.inner.read_streams(streams, upto, visit)
    }
    fn wait_beyond(&self, after: Position, timeout: Duration) -> Result<Position, JournalError> {
        self.inner.wait_beyond(after, timeout)
    }
}

#[test]
fn a_gap_a_repeated_command_and_a_clock_that_goes_back_are_found() {
    let table: [(&str, Tamper, u8); 4] = [
        (
            "a position is missing",
            |mut e| {
                e.position += u64::from(e.position > 4);
                e
            },
            11,
        ),
        (
            "a version is missing",
            |mut e| {
                e.version += u64::from(e.version > 3);
                e
            },
            11,
        ),
        (
            "the time of recording goes back",
            |mut e| {
                e.recorded_at = -(e.position as i64);
                e
            },
            11,
        ),
        (
            "a command takes effect twice",
            |mut e| {
                if e.position == 7 {
                    e.command = Uuid::from_u128(5);
                }
                e
            },
            10,
        ),
    ];
    for (what, tamper, invariant) in table {
        let journal = Tampered { inner: journal(&history()), tamper };
        let report = verify(&journal, &mut |_, _, _| {}).unwrap();
        assert_eq!(violated(&report), [invariant], "{what}: {}", texts(&report));
    }
}
