//! Statement files one after the other: what a later one brings, other formats of the same days, balances between files.

#![allow(clippy::unwrap_used)] // a test may panic

use std::collections::BTreeSet;
use std::sync::Arc;

use daybook_commands::ManualClock;
use daybook_domain::books::commands::BooksCommand;
use daybook_domain::provider::commands::ProviderCommand;
use daybook_domain::provider::events::{BreakKind, MatchReason, Resolution, StatementImported};
use daybook_domain::time::DAY;
use daybook_domain::{Currency, Event, Money, Reference, Timestamp};
use daybook_journal::{Filter, Journal};
use daybook_market::reconcile::{Ask, Report, Taken};
use daybook_market::{AnyCommand, AnyRequest, Market, Options};
use uuid::Uuid;

const BANK: &str = "icbc";
const PROVIDER: &str = "stripe";

struct Stage {
    runtime: tokio::runtime::Runtime,
    market: Market,
    asked: std::cell::Cell<u128>,
}

fn yuan(amount: i64) -> Money {
    Money::new(amount * 100, Currency::new("CNY").unwrap())
}

/// Noon of a day of June.
fn june(day: i64) -> Timestamp {
    Timestamp(Timestamp::parse("2026-05-31T12:00:00Z").unwrap().0 + day * DAY)
}

impl Stage {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let clock = Arc::new(ManualClock::at(june(29).0));
        let market = Market::open("memory:", Options { clock, ..Options::default() }).unwrap();
        Self { runtime, market, asked: std::cell::Cell::new(0) }
    }

    fn ask(&self, command: AnyCommand, actor: &str, at: Option<Timestamp>) {
        self.asked.set(self.asked.get() + 1);
        let mut request = AnyRequest::new(command, Uuid::from_u128(self.asked.get()), actor.parse().unwrap());
        request.occurred_at = at;
        self.runtime.block_on(self.market.execute(request)).unwrap();
    }

    /// The provider pays out to the bank.
    fn paid_out(&self, reference: &str, amount: i64, day: i64) {
        let command = BooksCommand::RecordProviderPayout {
            provider: PROVIDER.parse().unwrap(),
            amount: yuan(amount),
            bank: BANK.parse().unwrap(),
            reference: reference.parse().unwrap(),
            fee: None,
        };
        self.ask(AnyCommand::Books { id: "main".parse().unwrap(), command }, "li", Some(june(day)));
    }

    fn take(&self, place: &str, text: &str) -> Report {
        let ask = Ask {
            provider: place.parse().unwrap(),
            bytes: text.as_bytes(),
            format: None,
            window: 3 * DAY,
            actor: "reconciler".parse().unwrap(),
        };
        match self.runtime.block_on(self.market.reconcile(&ask)).unwrap() {
            Taken::Now(report) => *report,
            before => panic!("{before:?}"),
        }
    }

    fn bank(&self, statement: &str) -> Report {
        self.take(BANK, statement)
    }
}

/// A statement of one day of June: amounts, references and text.
fn mt940(day: i64, opening: i64, lines: &[(i64, &str, &str)]) -> String {
    let balance = |tag: &str, day: i64, amount: i64| {
        let month = if day < 1 { "0531".to_owned() } else { format!("06{day:02}") };
        let sign = if amount < 0 { 'D' } else { 'C' };
        format!(":{tag}:{sign}26{month}CNY{},00\r\n", amount.abs())
    };
    let mut text = format!(":20:S{day}\r\n:25:1001\r\n:28C:{day}/1\r\n{}", balance("60F", day - 1, opening));
    for (amount, reference, words) in lines {
        let sign = if *amount < 0 { 'D' } else { 'C' };
        text += &format!(":61:2606{day:02}06{day:02}{sign}{},00NTRF{reference}\r\n", amount.abs());
        if !words.is_empty() {
            text += &format!(":86:{words}\r\n");
        }
    }
    let closing = opening + lines.iter().map(|l| l.0).sum::<i64>();
    text + &balance("62F", day, closing) + "-\r\n"
}

fn camt(day: i64, lines: &[(i64, &str)]) -> String {
    let entry = |(amount, reference): &(i64, &str)| {
        format!(
            "<Ntry><Amt Ccy=\"CNY\">{amount}.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>\
             <BookgDt><Dt>2026-06-{day:02}</Dt></BookgDt><NtryDtls><TxDtls><Refs><EndToEndId>{reference}</EndToEndId>\
             </Refs></TxDtls></NtryDtls></Ntry>"
        )
    };
    let entries: String = lines.iter().map(entry).collect();
    format!("<Document><BkToCstmrStmt><Stmt><Id>{day}</Id>{entries}</Stmt></BkToCstmrStmt></Document>")
}

fn itemised(lines: &[(&str, i64, i64)]) -> String {
    let row = |(reference, amount, day): &(&str, i64, i64)| {
        format!(
            "txn_{reference},payout,{reference},2026-06-{day:02} 12:00:00,CNY,{amount}.00,0.00,{amount}.00\n"
        )
    };
    let rows: String = lines.iter().map(row).collect();
    format!("balance_transaction_id,reporting_category,source_id,created_utc,currency,gross,fee,net\n{rows}")
}

fn balance_history(lines: &[(&str, i64, i64)]) -> String {
    let row = |(reference, amount, day): &(&str, i64, i64)| {
        format!(
            "txn_{reference},payout,{reference},{amount}.00,0.00,{amount}.00,CNY,2026-06-{day:02} 12:00:00\n"
        )
    };
    let rows: String = lines.iter().map(row).collect();
    format!("id,Type,Source,Amount,Fee,Net,Currency,Created (UTC)\n{rows}")
}

fn kinds(report: &Report) -> Vec<BreakKind> {
    report.breaks.iter().map(|b| b.kind).collect()
}

fn matched(report: &Report) -> Vec<(MatchReason, usize)> {
    report.matches.iter().map(|m| (m.reason, m.lines)).collect()
}

#[test]
fn a_line_that_the_books_lacked_is_met_later_by_any_of_its_references_its_text_or_its_amount() {
    let stage = Stage::new();
    stage.paid_out("po-seed", 10, 1);
    let first = stage.bank(&mt940(
        1,
        0,
        &[
            (10, "po-seed", ""),
            (500, "batch-1", "?20EREF+unknown-7?21EREF+po-late1"),
            (700, "NONREF", "YOUR po-late2 ZHANG WEI"),
            (300, "NONREF", ""),
        ],
    ));
    assert_eq!(kinds(&first), [BreakKind::MissingHere; 3]);
    stage.paid_out("po-late1", 500, 1);
    stage.paid_out("po-late2", 700, 1);
    stage.paid_out("po-late3", 300, 1);
    let second = stage.bank(&mt940(2, 1_510, &[]));
    assert_eq!(kinds(&second), []);
    assert_eq!(matched(&second), [(MatchReason::Reference, 2), (MatchReason::Amount, 1)]);
    let names: Vec<Reference> = first.breaks.iter().map(|b| b.name).collect();
    assert_eq!(second.arrived, names);
}

#[test]
fn a_line_that_was_met_after_a_correction_is_not_met_again() {
    let stage = Stage::new();
    stage.paid_out("po-seed", 10, 1);
    let first = stage.bank(&mt940(1, 0, &[(10, "po-seed", ""), (300, "NONREF", "")]));
    let command = ProviderCommand::Resolve {
        r#break: first.breaks[0].name,
        how: Resolution::Corrected,
        note: "a payout that was not recorded".into(),
        by: "li".parse().unwrap(),
        entries: vec![],
        voucher: None,
    };
    stage.ask(AnyCommand::Provider { id: BANK.parse().unwrap(), command }, "chen", None);
    stage.paid_out("po-late", 300, 1);
    assert_eq!(matched(&stage.bank(&mt940(2, 310, &[]))), [(MatchReason::Amount, 1)]);
    stage.paid_out("po-again", 300, 2);
    let third = stage.bank(&mt940(3, 310, &[]));
    assert_eq!((matched(&third), third.waiting), (vec![], 1));
}

#[test]
fn a_break_of_two_lines_has_arrived_when_both_have() {
    let stage = Stage::new();
    stage.paid_out("po-seed", 10, 1);
    let two = "po-late//bank-1";
    let first = stage.bank(&mt940(1, 0, &[(10, "po-seed", ""), (300, two, ""), (200, two, "")]));
    assert_eq!(first.breaks.len(), 1, "{:?}", first.breaks);
    stage.paid_out("po-late", 300, 1);
    let second = stage.bank(&mt940(2, 510, &[]));
    assert_eq!((matched(&second), second.arrived), (vec![(MatchReason::Reference, 1)], vec![]));
    stage.paid_out("po-rest", 200, 1);
    let third = stage.bank(&mt940(3, 510, &[]));
    assert_eq!(matched(&third), [(MatchReason::Amount, 1)]);
    assert_eq!(third.arrived, [first.breaks[0].name]);
}

#[test]
fn another_format_of_the_same_days_tells_of_the_same_money_once_more() {
    let stage = Stage::new();
    for (reference, amount, day) in [("po-1", 100, 1), ("po-2", 200, 2), ("po-3", 300, 3)] {
        stage.paid_out(reference, amount, day);
    }
    // the first lacks the second payout
    let lines = [("po-1", -100, 1), ("po-3", -300, 3), ("po-x", -77, 12)];
    let first = stage.take(PROVIDER, &itemised(&lines));
    assert_eq!(kinds(&first), [BreakKind::MissingHere, BreakKind::MissingThere]);
    let lines = [("po-1", -100, 1), ("po-2", -200, 2), ("po-3", -300, 3), ("po-y", -78, 12)];
    let other = stage.take(PROVIDER, &balance_history(&lines));
    assert_eq!(matched(&other), [(MatchReason::Reference, 3)]);
    assert_eq!(kinds(&other), [BreakKind::MissingHere], "its own alone: {:?}", other.breaks);
    assert_eq!(other.arrived, [first.breaks[1].name], "the other format has it");
    // the first format goes on: what arrived is not missing once more, what it had is a duplicate
    let next = stage.take(PROVIDER, &itemised(&[("po-1", -100, 1), ("po-z", -79, 13)]));
    assert_eq!(kinds(&next), [BreakKind::Duplicate, BreakKind::MissingHere], "{:?}", next.breaks);
}

#[test]
fn a_bank_that_changes_its_format_leaves_nothing_between_the_two() {
    let stage = Stage::new();
    for (reference, amount, day) in [("po-1", 100, 1), ("po-2", 200, 2), ("po-3", 300, 11)] {
        stage.paid_out(reference, amount, day);
    }
    let old = stage.bank(&camt(2, &[(100, "po-1")]));
    assert_eq!((kinds(&old), old.waiting), (vec![], 1), "po-2 may still come");
    let new = stage.bank(&mt940(11, 0, &[(300, "po-3", "")]));
    assert_eq!(kinds(&new), [BreakKind::MissingThere]);
    assert_eq!(new.breaks[0].reference, "po-2", "what the old format never brought, and not what it had");
}

#[test]
fn each_of_several_payouts_on_one_line_has_its_own_part_of_it() {
    let stage = Stage::new();
    for (reference, amount) in [("po-0001", 100), ("po-0002", 200), ("po-0003", 100), ("po-0004", 300)] {
        stage.paid_out(reference, amount, 1);
    }
    let report = stage.bank(&mt940(
        1,
        0,
        &[(300, "NONREF", "BATCH po-0001 po-0002"), (396, "NONREF", "BATCH po-0003 po-0004")],
    ));
    assert_eq!(matched(&report), [(MatchReason::ReferenceSum, 2)]);
    let told: Vec<_> = report.payouts.iter().map(|p| p.bank).collect();
    assert_eq!(told, [Some(yuan(100)), Some(yuan(200)), Some(yuan(99)), Some(yuan(297))]);
    // from the provider's side, where the bank's file is one of the journal
    let lines = [("po-0001", -100, 1), ("po-0002", -200, 1), ("po-0003", -100, 1), ("po-0004", -300, 1)];
    let again = stage.take(PROVIDER, &itemised(&lines));
    let told: Vec<_> = again.payouts.iter().map(|p| (p.provider, p.bank)).collect();
    let both = |sent: i64, came: i64| (Some(yuan(sent)), Some(yuan(came)));
    assert_eq!(told, [both(100, 100), both(200, 200), both(100, 99), both(300, 297)]);
}

#[test]
fn balances_follow_the_days_of_the_files_and_not_the_order_in_which_they_were_taken() {
    let take = |days: &[(i64, i64)]| {
        let stage = Stage::new();
        stage.paid_out("po-1", 10, 1);
        let found = days.iter().map(|(day, opening)| {
            let report = stage.bank(&mt940(*day, *opening, &[(1, "NONREF", "")]));
            let totals = report.breaks.into_iter().filter(|b| b.kind == BreakKind::Totals);
            totals.map(|b| (b.amount, b.detail)).collect::<Vec<_>>()
        });
        found.collect::<Vec<_>>()
    };
    let none = Vec::<(Money, String)>::new();
    // the last one first
    assert_eq!(take(&[(3, 12), (2, 11), (1, 10)]), [none.clone(), none.clone(), none.clone()]);
    let found = take(&[(3, 15), (2, 11)]);
    assert_eq!(found[0], none);
    assert_eq!(found[1].len(), 1, "{found:?}");
    assert_eq!(found[1][0].0, yuan(-3));
    assert!(found[1][0].1.contains("it closes at 12.00 CNY, the statement from 2026-06-03"), "{found:?}");
    let found = take(&[(1, 10), (3, 15)]);
    assert!(found[1][0].1.contains("it opens at 15.00 CNY, the statement up to 2026-06-02"), "{found:?}");
}

#[test]
fn a_gap_between_balances_is_closed_by_the_file_that_was_missing() {
    let stage = Stage::new();
    stage.paid_out("po-1", 10, 1);
    let take = |day: i64, opening: i64| {
        let report = stage.bank(&mt940(day, opening, &[(1, "NONREF", "")]));
        let gaps = report.breaks.iter().filter(|b| b.kind == BreakKind::Totals).map(|b| b.name);
        (gaps.collect::<Vec<_>>(), report.arrived)
    };
    assert_eq!(take(1, 10), (vec![], vec![]));
    let (fourth, _) = take(4, 13);
    assert_eq!(fourth.len(), 1, "days 2 and 3 are missing");
    let (second, arrived) = take(2, 11);
    assert_eq!((second.len(), arrived), (1, vec![]), "day 3 is missing still");
    let (none, arrived) = take(3, 12);
    assert_eq!(none, []);
    assert_eq!(arrived.into_iter().collect::<BTreeSet<_>>(), fourth.into_iter().chain(second).collect());
    // one that does not fit closes nothing
    let (sixth, _) = take(6, 20);
    let (fifth, arrived) = take(5, 14);
    assert_eq!((sixth.len(), fifth.len(), arrived), (1, 1, vec![]));
}

#[test]
fn an_import_that_is_gone_on_with_sees_the_books_as_it_saw_them_at_its_beginning() {
    let file = mt940(9, 0, &[(10, "po-1", ""), (300, "NONREF", "")]);
    let whole = Stage::new();
    whole.paid_out("po-1", 10, 9);
    let report = whole.bank(&file);
    assert_eq!(kinds(&report), [BreakKind::MissingHere]);
    // the head of that import, in a market where others wrote between what it saw and the head
    let again = Stage::new();
    again.paid_out("po-1", 10, 9);
    again.paid_out("po-2", 300, 9);
    let command = ProviderCommand::Import(head(&whole));
    let command = AnyCommand::Provider { id: BANK.parse().unwrap(), command };
    let request = AnyRequest::new(command, Uuid::from_u128(99), "reconciler".parse().unwrap());
    again.runtime.block_on(request.execute(again.market.commands())).unwrap();
    assert_eq!(
        again.market.journal().head().unwrap(),
        report.through + 2,
        "what came between, and the head alone"
    );
    let went_on = again.bank(&file);
    assert_eq!((&went_on.breaks, went_on.through), (&report.breaks, report.through));
    assert_eq!(went_on.matches, report.matches);
    // whole now: the entry that came between is met by the next
    assert_eq!(again.bank(&mt940(10, 310, &[])).arrived, [report.breaks[0].name]);
}

/// The head of the one import of a market.
fn head(stage: &Stage) -> StatementImported {
    let mut found = None;
    let filter = Filter { kinds: Some(vec!["StatementImported".into()]), categories: None };
    let journal: &dyn Journal = stage.market.journal().as_ref();
    journal
        .scan(0, None, &filter, &mut |e| {
            if let Ok(Event::StatementImported(x)) = Event::decode(e.kind, e.schema, e.data) {
                found = Some(x);
            }
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    found.unwrap()
}
