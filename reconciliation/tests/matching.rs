//! Lines beside entries: each way of matching with its reason, each kind of break.

use daybook_domain::provider::events::{BreakKind, MatchReason};
use daybook_domain::time::{DAY, SECOND};
use daybook_domain::{Currency, Money, Timestamp};
use daybook_reconciliation::books::Entry;
use daybook_reconciliation::matching::{Input, Known, Outcome, naming_words, reconcile};
use daybook_reconciliation::{Finding, Line, LineKind, Side};

const START: i64 = 1_780_000_000 * SECOND;

fn money(minor: i64) -> Money {
    Money::new(minor, Currency::new("CNY").expect("a currency"))
}

fn line(n: u64, reference: &str, kind: LineKind, gross: i64, fee: i64, day: i64) -> Line {
    Line {
        line: n,
        references: Some(reference).filter(|r| !r.is_empty()).map(str::to_owned).into_iter().collect(),
        ours: Vec::new(),
        kind,
        gross: money(gross),
        fee: money(fee),
        net: money(gross - fee),
        at: Timestamp(START + day * DAY),
        value_at: None,
        day_only: false,
        text: String::new(),
    }
}

fn entry(n: u64, reference: &str, kind: LineKind, gross: i64, fee: i64, day: i64) -> Entry {
    Entry {
        id: format!("e{n}/0"),
        stream: format!("checkout-c{n}"),
        event: "PaymentCaptured",
        side: Side::Provider,
        place: "alipay".into(),
        kind,
        references: Some(reference).filter(|r| !r.is_empty()).map(str::to_owned).into_iter().collect(),
        gross: money(gross),
        fee: money(fee),
        at: Timestamp(START + day * DAY),
    }
}

struct Case {
    side: Side,
    lines: Vec<Line>,
    earlier: usize,
    named_only: usize,
    entries: Vec<Entry>,
    known: Vec<Known>,
    elsewhere: Vec<Entry>,
    findings: Vec<Finding>,
}

fn case(side: Side, lines: Vec<Line>, entries: Vec<Entry>) -> Case {
    let known = vec![Known::New; entries.len()];
    Case {
        side,
        lines,
        earlier: 0,
        named_only: 0,
        entries,
        known,
        elsewhere: Vec::new(),
        findings: Vec::new(),
    }
}

impl Case {
    fn run(&self) -> Outcome {
        let outcome = reconcile(&Input {
            side: self.side,
            lines: &self.lines,
            earlier: self.earlier,
            named_only: self.named_only,
            entries: &self.entries,
            known: &self.known,
            elsewhere: &self.elsewhere,
            findings: &self.findings,
            from: Timestamp(START),
            to: Timestamp(START + 30 * DAY),
            window: 3 * DAY,
        });
        // whatever comes of it, nothing is used twice
        let mut lines: Vec<usize> = outcome.matches.iter().flat_map(|m| m.lines.clone()).collect();
        let mut entries: Vec<usize> = outcome.matches.iter().flat_map(|m| m.entries.clone()).collect();
        let (many, booked) = (lines.len(), entries.len());
        lines.sort_unstable();
        lines.dedup();
        entries.sort_unstable();
        entries.dedup();
        assert_eq!((lines.len(), entries.len()), (many, booked), "used twice: {outcome:?}");
        outcome
    }

    fn matches(&self) -> Vec<(MatchReason, Vec<usize>, Vec<usize>)> {
        self.run().matches.into_iter().map(|m| (m.reason, m.lines, m.entries)).collect()
    }

    fn breaks(&self) -> Vec<(BreakKind, i64)> {
        self.run().breaks.into_iter().map(|b| (b.kind, b.amount.minor)).collect()
    }
}

use LineKind::{Chargeback, Credit, Debit, Fee, Payment, Payout, Refund};
use Side::{Bank, Provider};

#[test]
fn the_same_reference_matches_one_to_one() {
    let c = case(
        Provider,
        vec![line(2, "b", Refund, -40, 0, 2), line(3, "a", Payment, 100, 1, 1)],
        vec![entry(1, "a", Payment, 100, 1, 1), entry(2, "b", Refund, -40, 0, 2)],
    );
    assert_eq!(
        c.matches(),
        [(MatchReason::Reference, vec![0], vec![1]), (MatchReason::Reference, vec![1], vec![0])]
    );
    assert_eq!(c.breaks(), []);
}

#[test]
fn a_payment_and_its_fee_are_one_payment_of_the_books() {
    let c = case(
        Provider,
        vec![line(2, "a", Fee, 0, 1, 1), line(3, "a", Payment, 100, 0, 1)],
        vec![entry(1, "a", Payment, 100, 1, 1)],
    );
    assert_eq!(c.matches(), [(MatchReason::ReferenceSum, vec![0, 1], vec![0])]);
    assert_eq!(c.breaks(), []);
}

#[test]
fn one_line_of_a_sum_is_several_entries_of_one_reference() {
    let c = case(
        Provider,
        vec![line(2, "a", Payment, 100, 0, 1)],
        vec![entry(1, "a", Payment, 60, 0, 1), entry(2, "a", Payment, 40, 0, 1)],
    );
    assert_eq!(c.matches(), [(MatchReason::ReferenceSum, vec![0], vec![0, 1])]);
    assert_eq!(c.breaks(), []);
}

#[test]
fn a_bank_matches_by_amount_and_window_and_by_the_words_of_its_text() {
    let mut named = line(2, "bank-9", Credit, 500, 0, 9);
    named.text = "PAYOUT po-alipay-07, THANK YOU".into();
    let c = case(
        Bank,
        vec![named, line(3, "", Credit, 300, 0, 2)],
        vec![
            entry(1, "po-alipay-08", Credit, 300, 0, 1),
            entry(2, "po-alipay-07", Credit, 500, 0, 8),
            // outside the window
            entry(3, "po-alipay-06", Credit, 300, 0, 20),
        ],
    );
    assert_eq!(
        c.matches(),
        [(MatchReason::Reference, vec![0], vec![1]), (MatchReason::Amount, vec![1], vec![0])]
    );
    assert_eq!(c.breaks(), [(BreakKind::MissingThere, -300)]);
}

#[test]
fn a_line_of_a_bank_that_names_many_references_is_all_of_them() {
    let payouts = |last: i64| {
        vec![
            entry(1, "po-0001", Debit, -100, 0, 1),
            entry(2, "po-0002", Debit, -200, 0, 1),
            entry(3, "po-0003", Debit, last, 0, 1),
            // one came back: the same reference the other way
            entry(4, "po-0002", Credit, 200, 0, 2),
        ]
    };
    let mut batch = line(2, "bank-1", Debit, -600, 0, 1);
    batch.ours = ["batch-1", "po-0001", "po-0002", "po-0003"].map(str::to_owned).to_vec();
    let c = case(Bank, vec![batch.clone()], payouts(-300));
    assert_eq!(c.matches(), [(MatchReason::ReferenceSum, vec![0], vec![0, 1, 2])]);
    assert_eq!(c.breaks(), [(BreakKind::MissingThere, -200)], "the one that came back is not in it");
    // in words, and with the one that came back
    let mut told = line(2, "bank-1", Debit, -600, 0, 1);
    told.text = "BATCH po-0001, po-0002; po-0003 (JUNE)".into();
    let c = case(Bank, vec![told, line(3, "po-0002", Credit, 200, 0, 2)], payouts(-300));
    assert_eq!(
        c.matches(),
        [(MatchReason::ReferenceSum, vec![0], vec![0, 1, 2]), (MatchReason::Reference, vec![1], vec![3])]
    );
    assert_eq!(c.breaks(), []);
    // the batch as a whole is what the books have otherwise
    let c = case(Bank, vec![batch, line(3, "po-0002", Credit, 200, 0, 2)], payouts(-290));
    assert_eq!(c.breaks(), [(BreakKind::Amount, -10)]);
}

#[test]
fn of_the_same_amount_as_many_as_can_be_are_matched_and_of_these_the_nearest() {
    let days = |lines: &[i64], entries: &[i64]| {
        let lines = lines.iter().enumerate().map(|(n, day)| line(n as u64 + 2, "", Credit, 300, 0, *day));
        let entries = entries.iter().enumerate().map(|(n, day)| entry(n as u64, "", Credit, 300, 0, *day));
        let found = case(Bank, lines.collect(), entries.collect()).matches();
        found.into_iter().map(|(_, lines, entries)| (lines[0], entries[0])).collect::<Vec<_>>()
    };
    assert_eq!(days(&[5], &[3, 5]), [(0, 1)], "the nearest, not the earliest");
    assert_eq!(days(&[5], &[5, 6]), [(0, 0)]);
    assert_eq!(days(&[3, 4, 5, 6], &[1, 2, 3, 4]), [(0, 0), (1, 1), (2, 2), (3, 3)], "two days later each");
    assert_eq!(days(&[4, 20], &[2, 3, 9, 18, 21]), [(0, 1), (1, 4)], "far from each other");
    // a day without a time: what is within it is the nearest
    let mut day = line(2, "", Credit, 300, 0, 5);
    day.day_only = true;
    let mut within = entry(2, "", Credit, 300, 0, 5);
    within.at = Timestamp(within.at.0 + DAY * 3 / 4);
    let c = case(Bank, vec![day], vec![entry(1, "", Credit, 300, 0, 4), within]);
    assert_eq!(c.matches(), [(MatchReason::Amount, vec![0], vec![1])]);
}

#[test]
fn many_of_the_same_amount_at_the_same_time_are_matched_in_order() {
    let lines: Vec<Line> = (0..600).map(|n| line(n + 2, "", Credit, 300, 0, 5)).collect();
    let entries: Vec<Entry> = (0..600).map(|n| entry(n, "", Credit, 300, 0, 4)).collect();
    let found = case(Bank, lines, entries).matches();
    assert!(
        found.iter().enumerate().all(|(n, m)| *m == (MatchReason::Amount, vec![n], vec![n])),
        "{found:?}"
    );
    assert_eq!(found.len(), 600);
}

#[test]
fn among_too_many_near_in_time_no_sum_is_looked_for_and_the_outcome_says_so() {
    let entries =
        |many: u64| (0..many).map(|n| entry(n, "", Credit, 1_000 + n as i64, 0, 5)).collect::<Vec<_>>();
    let few = case(Bank, vec![line(2, "", Credit, 2_001, 0, 5)], entries(12)).run();
    assert_eq!((few.matches.len(), few.untried), (1, 0));
    let many = case(Bank, vec![line(2, "", Credit, 2_001, 0, 5)], entries(600)).run();
    assert_eq!((many.matches.len(), many.untried), (0, 1));
    // those far away do not count
    let far = (600..1_200).map(|n| entry(n, "", Credit, 1_000 + n as i64, 0, 25));
    let few =
        case(Bank, vec![line(2, "", Credit, 2_001, 0, 5)], entries(12).into_iter().chain(far).collect());
    assert_eq!((few.run().matches.len(), few.run().untried), (1, 0));
}

#[test]
fn a_bank_with_thirty_thousand_lines_and_entries_that_nothing_joins_is_done_in_seconds() {
    let lines = (0..30_000u64).map(|n| line(n + 2, "", Credit, 1_000_000 + 2 * n as i64, 0, (n % 30) as i64));
    let entries = (0..30_000u64).map(|n| entry(n, "", Credit, 1_000_001 + 2 * n as i64, 0, (n % 30) as i64));
    let c = case(Bank, lines.collect(), entries.collect());
    let started = std::time::Instant::now();
    let outcome = c.run();
    assert_eq!((outcome.matches.len(), outcome.untried), (0, 60_000));
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

#[test]
fn two_currencies_in_one_match_are_a_break() {
    let usd = Currency::new("USD").expect("a currency");
    let mut fee = line(3, "a", Fee, 0, 1, 1);
    for money in [&mut fee.gross, &mut fee.fee, &mut fee.net] {
        money.currency = usd;
    }
    let c =
        case(Provider, vec![line(2, "a", Payment, 100, 0, 1), fee], vec![entry(1, "a", Payment, 100, 1, 1)]);
    let outcome = c.run();
    assert_eq!(outcome.breaks.len(), 1, "{outcome:?}");
    assert_eq!(outcome.breaks[0].kind, BreakKind::Currency);
    assert!(outcome.breaks[0].detail.contains("CNY and USD cannot be added"), "{}", outcome.breaks[0].detail);
}

#[test]
fn a_line_of_an_earlier_statement_is_matched_by_amount_unless_it_is_one_more_of_another() {
    let mut c = case(
        Bank,
        vec![line(9, "", Credit, 300, 0, 2), line(12, "", Credit, 700, 0, 3)],
        vec![
            entry(1, "po-1", Credit, 300, 0, 1),
            entry(2, "po-2", Credit, 400, 0, 3),
            entry(3, "po-3", Credit, 300, 0, 4),
        ],
    );
    c.earlier = 2;
    assert_eq!(
        c.matches(),
        [(MatchReason::Amount, vec![0], vec![0]), (MatchReason::AmountSum, vec![1], vec![1, 2])]
    );
    c.named_only = 2;
    assert_eq!(c.matches(), []);
}

#[test]
fn of_a_banks_text_only_what_may_be_a_reference_is_kept() {
    let text =
        "Zhang Wei 13800138000 DE89370400440532013000 po-alipay-07,PO20260531000123456 a1 w@x1.org MAY";
    assert_eq!(naming_words(text), ["po-alipay-07", "PO20260531000123456"]);
}

#[test]
fn a_bank_matches_sums_both_ways_and_only_where_there_is_one_choice() {
    let c = case(
        Bank,
        vec![
            line(2, "", Credit, 700, 0, 2),
            line(3, "", Credit, 450, 0, 12),
            line(4, "", Credit, 150, 0, 12),
        ],
        vec![
            entry(1, "", Credit, 300, 0, 1),
            entry(2, "", Credit, 400, 0, 1),
            entry(3, "", Credit, 600, 0, 11),
        ],
    );
    assert_eq!(
        c.matches(),
        [(MatchReason::AmountSum, vec![0], vec![0, 1]), (MatchReason::AmountSum, vec![1, 2], vec![2])]
    );
    let two = case(
        Bank,
        vec![line(2, "", Credit, 700, 0, 2)],
        vec![
            entry(1, "", Credit, 300, 0, 1),
            entry(2, "", Credit, 400, 0, 1),
            entry(3, "", Credit, 350, 0, 1),
            entry(4, "", Credit, 350, 0, 1),
        ],
    );
    assert_eq!(two.matches(), [], "350 + 350 is 700 too");
}

#[test]
fn each_kind_of_break_is_found_as_what_it_is() {
    let p = |lines, entries| case(Provider, lines, entries);
    let one = |kind: LineKind, gross, fee, day| vec![entry(1, "a", kind, gross, fee, day)];
    let here = p(vec![line(2, "x", Payment, 100, 1, 1)], vec![]);
    assert_eq!(here.breaks(), [(BreakKind::MissingHere, 99)]);
    assert_eq!(p(vec![], one(Payment, 100, 1, 1)).breaks(), [(BreakKind::MissingThere, -99)]);
    let amount = p(vec![line(2, "a", Payment, 90, 1, 1)], one(Payment, 100, 1, 1));
    assert_eq!(amount.breaks(), [(BreakKind::Amount, -10)]);
    let mut dollars = line(2, "a", Payment, 100, 1, 1);
    let usd = Currency::new("USD").expect("a currency");
    for money in [&mut dollars.gross, &mut dollars.fee, &mut dollars.net] {
        money.currency = usd;
    }
    assert_eq!(p(vec![dollars], one(Payment, 100, 1, 1)).breaks(), [(BreakKind::Currency, 100)]);
    let twice = vec![line(2, "a", Payment, 100, 1, 1), line(3, "a", Payment, 100, 1, 1)];
    assert_eq!(p(twice, one(Payment, 100, 1, 1)).breaks(), [(BreakKind::Duplicate, 100)]);
    let fee = p(vec![line(2, "a", Payment, 100, 3, 1)], one(Payment, 100, 1, 1));
    assert_eq!(fee.breaks(), [(BreakKind::Fee, -2)]);
    let late = p(vec![line(2, "a", Payment, 100, 1, 9)], one(Payment, 100, 1, 1));
    assert_eq!(late.breaks(), [(BreakKind::Late, 100)]);
    let back = vec![line(2, "a", Payment, 100, 1, 1), line(3, "a", LineKind::Reversal, -100, 0, 2)];
    assert_eq!(p(back, one(Payment, 100, 1, 1)).breaks(), [(BreakKind::Reversed, -100)]);
    let kind = p(vec![line(2, "a", Chargeback, -40, 0, 1)], one(Refund, -40, 0, 1));
    assert_eq!(kind.breaks(), [(BreakKind::Kind, -40)]);
    let reference = p(vec![line(2, "b", Payment, 100, 1, 1)], one(Payment, 100, 1, 1));
    assert_eq!(reference.breaks(), [(BreakKind::Reference, 100)]);
    let mut elsewhere = p(vec![line(2, "a", Payment, 100, 1, 1)], vec![]);
    elsewhere.elsewhere = one(Payment, 100, 1, 1);
    assert_eq!(elsewhere.breaks(), [(BreakKind::Elsewhere, 99)]);
    let fine = p(vec![line(2, "a", Payment, 100, 1, 1)], one(Payment, 100, 1, 1));
    assert_eq!(fine.breaks(), []);
    let own_fee = p(vec![line(2, "f", Fee, 0, 15, 1)], one(Payment, 100, 1, 29));
    assert_eq!(own_fee.breaks(), [(BreakKind::Fee, -15)]);
}

#[test]
fn what_the_next_statement_may_still_bring_is_waited_for() {
    let c =
        case(Provider, vec![], vec![entry(1, "a", Payout, -100, 0, 29), entry(2, "b", Payout, -100, 0, 20)]);
    let outcome = c.run();
    assert_eq!(outcome.waiting, [0]);
    assert_eq!(outcome.breaks.len(), 1);
}

#[test]
fn an_entry_that_an_earlier_statement_has_is_a_duplicate_and_one_it_missed_is_no_second_break() {
    let mut c =
        case(Provider, vec![line(2, "a", Payment, 100, 1, 1)], vec![entry(1, "a", Payment, 100, 1, 1)]);
    c.known = vec![Known::Taken];
    assert_eq!(c.breaks(), [(BreakKind::Duplicate, 100)]);
    let mut missed = case(Provider, vec![], vec![entry(1, "a", Payment, 100, 1, 1)]);
    missed.known = vec![Known::Missed];
    assert_eq!(missed.breaks(), []);
}

#[test]
fn a_line_of_an_earlier_statement_meets_the_entry_that_came_since() {
    let mut c = case(
        Provider,
        vec![line(2, "x", Payment, 50, 0, 9), line(7, "a", Payment, 100, 1, 1)],
        vec![entry(1, "a", Payment, 100, 1, 1)],
    );
    c.earlier = 1;
    assert_eq!(c.matches(), [(MatchReason::Reference, vec![1], vec![0])]);
    assert_eq!(c.breaks(), [(BreakKind::MissingHere, 50)]);
    c.known = vec![Known::Taken];
    assert_eq!(c.breaks(), [(BreakKind::MissingHere, 50)], "met before, it is no duplicate of itself");
    c.entries.clear();
    c.known.clear();
    assert_eq!(c.breaks(), [(BreakKind::MissingHere, 50)], "the earlier one is known");
}

#[test]
fn what_does_not_agree_in_a_file_is_as_old_as_its_own_lines() {
    let mut c = case(
        Provider,
        vec![line(2, "a", Payment, 100, 1, 9), line(7, "x", Payment, 50, 0, 1)],
        vec![entry(1, "a", Payment, 100, 1, 9)],
    );
    c.earlier = 1;
    c.findings = vec![Finding { line: 3, what: "a trailer".into(), off: None, cut_off: false }];
    let outcome = c.run();
    assert_eq!(outcome.breaks[0].kind, BreakKind::Totals);
    assert_eq!(
        outcome.breaks[0].since,
        Timestamp(START + 30 * DAY),
        "the file's end, no line of an earlier one"
    );
}

#[test]
fn a_hundred_thousand_lines_meet_a_hundred_thousand_entries_in_about_a_second() {
    let kinds = |n: u64| if n.is_multiple_of(20) { Refund } else { Payment };
    let entries: Vec<Entry> = (0..100_000u64)
        .map(|n| entry(n, &format!("ref-{n}"), kinds(n), 100 + (n % 977) as i64, 1, (n / 3_400) as i64))
        .collect();
    // every tenth under another reference, in another order
    let lines: Vec<Line> = (0..100_000u64)
        .map(|n| n * 7_919 % 100_000)
        .map(|n| {
            let reference = if n.is_multiple_of(10) { format!("other-{n}") } else { format!("ref-{n}") };
            line(n + 2, &reference, kinds(n), 100 + (n % 977) as i64, 1, (n / 3_400) as i64)
        })
        .collect();
    let c = case(Provider, lines, entries);
    let started = std::time::Instant::now();
    let outcome = c.run();
    let took = started.elapsed();
    assert_eq!(outcome.matches.len(), 100_000);
    assert_eq!(outcome, c.run(), "the same again");
    // an unoptimised build on a busy machine is allowed sixty times that
    assert!(took.as_secs() < 60, "{took:?}");
}

proptest::proptest! {
    /// Whatever is laid beside whatever: nothing is used twice, and each line is either matched or in a break.
    #[test]
    fn every_line_comes_to_something_once(
        lines in proptest::collection::vec((0..6u8, 0..4u8, 0..5i64, 0..20i64), 0..14),
        entries in proptest::collection::vec((0..6u8, 0..4u8, 0..5i64, 0..20i64), 0..14),
        bank in proptest::prelude::any::<bool>(),
    ) {
        let kinds = [Payment, Refund, Chargeback, Fee];
        let sign = |kind: u8| if kind == 0 { 100 } else { -100 };
        let name = |r: u8| if r == 0 { String::new() } else { format!("ref-{r}") };
        let lines: Vec<Line> = lines.iter().enumerate().map(|(n, (r, k, a, d))| {
            let fee = kinds[usize::from(*k)] == Fee;
            line(n as u64 + 2, &name(*r), kinds[usize::from(*k)], if fee { 0 } else { sign(*k) * (a + 1) }, *a, *d)
        }).collect();
        let entries: Vec<Entry> = entries.iter().enumerate().map(|(n, (r, k, a, d))| {
            let k = (*k).min(2);
            entry(n as u64, &name(*r), kinds[usize::from(k)], sign(k) * (a + 1), *a, *d)
        }).collect();
        let c = case(if bank { Bank } else { Provider }, lines, entries);
        let outcome = c.run();
        for n in 0..c.lines.len() {
            let matched = outcome.matches.iter().filter(|m| m.lines.contains(&n)).count();
            let alone = outcome.breaks.iter().filter(|b| b.lines.contains(&n) && !outcome.matches.iter().any(|m| m.lines.contains(&n))).count();
            assert_eq!(matched + alone, 1, "line {n}: {outcome:?}");
        }
    }
}
