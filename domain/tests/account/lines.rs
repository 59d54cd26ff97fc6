//! Which settlement takes which line, and what its figures come to.

use daybook_domain::account::lines::{Bounds, Line, LineKind, OpenLines, digest, figures};
use daybook_domain::{EventKind, Money, Timestamp};
use proptest::prelude::*;

use super::support::{cny, currency, id, usd};

/// The event types that make lines.
const KINDS: [EventKind; 11] = [
    EventKind::EscrowReleased,
    EventKind::CommissionCharged,
    EventKind::RefundIssued,
    EventKind::PlatformFeeCharged,
    EventKind::PenaltyCharged,
    EventKind::RewardGranted,
    EventKind::ChargebackClosed,
    EventKind::RulingReversed,
    EventKind::DepositDeducted,
    EventKind::AdjustmentApproved,
    EventKind::JournalVoucher,
];

fn line(event: EventKind, amount: Money, booked_at: i64) -> Line {
    let (occurred_at, booked_at) = (Timestamp(booked_at), Timestamp(booked_at));
    Line { number: 0, amount, event, occurred_at, booked_at, order: None }
}

fn bounds(until: i64, through: u64) -> Bounds {
    Bounds { until: Timestamp(until), through }
}

#[test]
fn a_line_booked_before_the_last_cut_but_written_after_it_waits_for_the_next() {
    let mut open = OpenLines::default();
    open.push(line(EventKind::EscrowReleased, cny(100), 10));
    open.push(line(EventKind::EscrowReleased, cny(200), 30));
    let first = open.take(currency("CNY"), bounds(20, open.count()));
    assert_eq!(first.iter().map(|l| l.number).collect::<Vec<_>>(), [1]);
    open.push(line(EventKind::RefundIssued, cny(-40), 5));
    assert_eq!(open.lines().len(), 2);
    let second = open.take(currency("CNY"), bounds(40, open.count()));
    assert_eq!(second.iter().map(|l| l.number).collect::<Vec<_>>(), [2, 3]);
    assert!(open.lines().is_empty());
}

#[test]
fn a_settlement_leaves_the_lines_of_another_currency() {
    let mut open = OpenLines::default();
    open.push(line(EventKind::EscrowReleased, cny(100), 10));
    open.push(line(EventKind::EscrowReleased, usd(100), 10));
    assert_eq!(open.take(currency("USD"), bounds(20, 2)).len(), 1);
    assert_eq!(open.lines()[0].amount, cny(100));
    assert!(figures(id("s"), bounds(20, 2), usd(0), open.lines()).is_err());
}

#[test]
fn each_kind_of_line_has_its_figure_in_its_usual_direction() {
    let mut open = OpenLines::default();
    for (at, event) in KINDS.iter().enumerate() {
        let amount = 10_i64.pow(at as u32);
        let against = matches!(
            LineKind::of(*event),
            LineKind::Commission
                | LineKind::Refund
                | LineKind::Fee
                | LineKind::Penalty
                | LineKind::Chargeback
        );
        open.push(line(*event, cny(if against { -amount } else { amount }), 10));
    }
    let all = open.take(currency("CNY"), bounds(20, 11));
    let f = figures(id("s"), bounds(20, 11), cny(-7), &all).expect("they add up");
    let found =
        [f.gross, f.commission, f.refunds, f.fees, f.penalties, f.rewards, f.chargebacks, f.adjustments];
    assert_eq!(found.map(|m| m.minor), [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 11_110_000_000]);
    let sum: i64 = all.iter().map(|l| l.amount.minor).sum();
    assert_eq!(f.total, cny(sum - 7));
}

#[test]
fn any_change_of_a_line_changes_the_digest() {
    let whole = Line { number: 3, order: Some(id("o1")), ..line(EventKind::EscrowReleased, cny(100), 10) };
    let changed = [
        Line { number: 4, ..whole },
        Line { amount: cny(101), ..whole },
        Line { amount: usd(100), ..whole },
        Line { event: EventKind::RewardGranted, ..whole },
        Line { occurred_at: Timestamp(9), ..whole },
        Line { booked_at: Timestamp(11), ..whole },
        Line { order: Some(id("o2")), ..whole },
        Line { order: None, ..whole },
    ];
    let of = |line: Line| digest(&[line]);
    assert_eq!(of(whole).as_str().len(), 64);
    for other in changed {
        assert_ne!(of(whole), of(other), "{other:?}");
    }
    assert_ne!(digest(&[whole, changed[0]]), digest(&[changed[0], whole]));
}

/// A history of lines in journal order, cut now and then: a line's booked time, amount and kind; or a cut this many
/// hours further on.
#[derive(Clone, Debug)]
enum Step {
    Line(i64, i64, usize),
    Cut(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..200_i64, -500..500_i64, 0..KINDS.len()).prop_map(|(at, amount, kind)| Step::Line(at, amount, kind)),
        1 => (0..60_i64).prop_map(Step::Cut),
    ];
    proptest::collection::vec(step, 0..120)
}

proptest! {
    #[test]
    fn any_split_of_any_history_into_cuts_settles_each_line_once_with_sums_equal(steps in steps()) {
        let (mut open, mut all, mut cuts) = (OpenLines::default(), Vec::new(), Vec::new());
        let mut taken: Vec<Vec<Line>> = Vec::new();
        let mut until = 0;
        for step in steps.into_iter().chain([Step::Cut(1_000)]) {
            match step {
                Step::Line(at, amount, kind) => {
                    let line = line(KINDS[kind], cny(amount), at);
                    open.push(line);
                    all.push(Line { number: open.count(), ..line });
                }
                Step::Cut(further) => {
                    until += further;
                    cuts.push(bounds(until, open.count()));
                    taken.push(open.take(currency("CNY"), bounds(until, open.count())));
                }
            }
        }
        // the last cut lies beyond all: nothing is left, nothing came twice
        prop_assert!(open.lines().is_empty());
        let mut numbers: Vec<u64> = taken.iter().flatten().map(|l| l.number).collect();
        numbers.sort_unstable();
        prop_assert_eq!(numbers, (1..=all.len() as u64).collect::<Vec<_>>());
        // each stands in the first settlement whose bounds take it: the ones before it do not
        for (at, lines) in taken.iter().enumerate() {
            for line in lines {
                let first = cuts.iter().position(|cut| cut.take(line.number, line.booked_at));
                prop_assert_eq!(first, Some(at));
            }
        }
        // the totals, each carried on, come to the sum of all lines
        let mut carried = cny(0);
        for (lines, cut) in taken.iter().zip(&cuts) {
            let f = figures(id("s"), *cut, carried, lines).expect("small sums");
            let by_figure = f.carried_in.minor + f.gross.minor - f.refunds.minor - f.commission.minor - f.fees.minor
                + f.rewards.minor - f.penalties.minor - f.chargebacks.minor + f.adjustments.minor;
            prop_assert_eq!(f.total.minor, by_figure);
            carried = f.total;
        }
        prop_assert_eq!(carried.minor, all.iter().map(|l| l.amount.minor).sum::<i64>());
    }
}

#[test]
fn a_line_is_of_the_first_settlement_that_takes_it() {
    let bounds = |until: i64, through: u64| Bounds { until: Timestamp(until), through };
    let closed = [bounds(10, 2), bounds(10, 5), bounds(20, 5), bounds(30, 9)];
    for number in 1..=11 {
        for booked_at in [0, 9, 10, 15, 25, 30] {
            let slowly = closed.iter().position(|bounds| bounds.take(number, Timestamp(booked_at)));
            assert_eq!(
                Bounds::first(&closed, number, Timestamp(booked_at)),
                slowly,
                "{number} at {booked_at}"
            );
        }
    }
}
