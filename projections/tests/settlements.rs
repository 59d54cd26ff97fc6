//! Settlements with the lines they took, as the queries tell them: the same rule as the domain's, line for line.
#![allow(clippy::unwrap_used)]

mod support;

use daybook_domain::account::events::{PenaltyCharged, ReserveReleased, RewardGranted, SettlementClosed};
use daybook_domain::account::lines::{Bounds, Line, OpenLines, figures};
use daybook_domain::{Currency, Event, Money, Timestamp};
use support::{memory, open, say};

const REFS: &str = r#"{"merchant":"m"}"#;

fn closed(name: &str, currency: Currency, bounds: Bounds, carried: i64, lines: &[Line]) -> SettlementClosed {
    let zero = Money::zero(currency);
    let f = figures(name.parse().unwrap(), bounds, Money::new(carried, currency), lines).unwrap();
    SettlementClosed {
        settlement: f.settlement,
        until: f.until,
        through: f.through,
        currency,
        carried_in: f.carried_in,
        gross: f.gross,
        refunds: f.refunds,
        commission: f.commission,
        fees: f.fees,
        rewards: f.rewards,
        penalties: f.penalties,
        chargebacks: f.chargebacks,
        adjustments: f.adjustments,
        total: f.total,
        held_as_reserve: zero,
        taken_from_available: zero,
        carried_out: Money::new(f.total.minor.min(0), currency),
        orders: f.orders,
        lines: f.lines,
        digest: f.digest,
        reserve_until: None,
    }
}

/// Numbers that look drawn and are the same each time.
struct Drawn(u64);

impl Drawn {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

#[test]
fn the_lines_of_each_settlement_are_those_that_the_rule_gives_it() {
    let folder = tempfile::tempdir().unwrap();
    let currencies = [Currency::new("CNY").unwrap(), Currency::new("USD").unwrap()];
    let journal = memory();
    let mut drawn = Drawn(7);
    let mut lines = OpenLines::default();
    let mut taken: Vec<(String, Vec<Line>)> = Vec::new();
    let (mut until, mut carried) = (0, [0, 0]);
    for n in 0..600 {
        let at = drawn.below(1_000) as i64 + 1;
        if drawn.below(12) > 0 {
            let currency = currencies[usize::from(drawn.below(3) == 0)];
            let amount = Money::new(drawn.below(500) as i64 + 1, currency);
            let reward = drawn.below(2) == 0;
            let event: Event = if reward {
                RewardGranted { amount, period: "2018".parse().unwrap(), kind: "growth".parse().unwrap() }
                    .into()
            } else {
                PenaltyCharged { amount, reason: "by rule".to_owned(), dispute: None }.into()
            };
            let kind = event.kind();
            say(journal.as_ref(), "account-m", at, REFS, event);
            lines.push(Line {
                number: 0,
                amount: Money::new(if reward { amount.minor } else { -amount.minor }, currency),
                event: kind,
                occurred_at: Timestamp(at),
                booked_at: Timestamp(at),
                order: None,
            });
        } else {
            until += drawn.below(60) as i64;
            for (currency, carried) in currencies.into_iter().zip(&mut carried) {
                let bounds = Bounds { until: Timestamp(until), through: lines.count() };
                let own = lines.take(currency, bounds);
                let name = format!("s{n}.{currency}");
                let event = closed(&name, currency, bounds, *carried, &own);
                *carried = event.carried_out.minor;
                say(journal.as_ref(), "account-m", until, REFS, event);
                taken.push((name, own));
            }
        }
    }
    let models = open(&folder.path().join("views.db"), &journal);
    assert!(taken.len() > 60 && taken.iter().filter(|(_, own)| !own.is_empty()).count() > 20);
    for (name, own) in &taken {
        let row = models.settlement(name).unwrap().unwrap();
        let (mut found, mut after) = (Vec::new(), 0);
        loop {
            let page = models.settlement_lines(name, after, 3).unwrap();
            let Some(last) = page.last() else { break };
            after = last.number as u64;
            found.extend(page);
        }
        let found: Vec<Line> = found.iter().map(|line| line.line().unwrap()).collect();
        assert_eq!(&found, own, "{name}");
        assert_eq!(row.lines as usize, own.len());
    }
    // what is open is what the next settlement would find
    let account = models.merchant_account("m").unwrap().unwrap();
    assert_eq!(account.lines as u64, lines.count());
    assert_eq!((account.lines - account.lines_settled) as usize, lines.lines().len());
    assert_eq!(models.merchant_currencies("m").unwrap(), currencies);
    for currency in currencies {
        let own = taken.iter().rev().find(|(name, _)| name.ends_with(currency.as_str())).unwrap();
        let settled = models.settlement(&own.0).unwrap().unwrap().bounds();
        let next = Bounds { until: Timestamp(i64::MAX), through: lines.count() };
        let found = models.open_lines("m", currency, settled, next, 0, 1_000).unwrap();
        let found: Vec<Line> = found.iter().map(|line| line.line().unwrap()).collect();
        let expected: Vec<Line> =
            lines.lines().iter().filter(|line| line.amount.currency == currency).copied().collect();
        assert_eq!(found, expected);
        // all that is open lies behind the number that a run begins at, the first right behind it or past the cut
        let left: Vec<u64> =
            expected.iter().map(|line| line.number).filter(|number| *number <= settled.through).collect();
        for more in [0, 7, 10_000] {
            let start = models.settled_up_to("m", currency, settled, left.len() as u64 + more).unwrap();
            assert_eq!(start, left.first().map_or(settled.through, |first| first - 1));
        }
    }
}

#[test]
fn settlements_are_listed_in_the_order_in_which_they_were_closed_and_a_reserve_until_it_is_released() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, currency) = (memory(), Currency::new("CNY").unwrap());
    let close = |name: &str, merchant: &str, until: i64, reserve: Option<i64>| {
        let bounds = Bounds { until: Timestamp(until), through: 0 };
        let mut event = closed(name, currency, bounds, 0, &[]);
        if let Some(due) = reserve {
            event.held_as_reserve = Money::new(5, currency);
            event.reserve_until = Some(Timestamp(due));
        }
        let refs = format!(r#"{{"merchant":"{merchant}"}}"#);
        say(journal.as_ref(), &format!("account-{merchant}"), until, &refs, event);
    };
    close("b.1", "b", 10, None);
    close("a.1", "a", 10, Some(40));
    close("a.2", "a", 20, Some(30));
    let models = open(&folder.path().join("views.db"), &journal);
    let ids = |page: Vec<daybook_projections::models::settlements::SettlementRow>| -> Vec<String> {
        page.into_iter().map(|row| row.settlement_id).collect()
    };
    let first = models.settlements(None, None, 2).unwrap();
    let rest = models.settlements(None, first.next.as_deref(), 2).unwrap();
    assert_eq!((ids(first.rows), ids(rest.rows)), (vec!["b.1".into(), "a.1".into()], vec!["a.2".into()]));
    assert_eq!(ids(models.settlements(Some("a"), None, 9).unwrap().rows), ["a.1", "a.2"]);
    assert!(models.settlements(None, Some("x"), 2).is_err());
    assert_eq!(models.settlement("c.1").unwrap(), None);
    assert_eq!(ids(models.reserves_due(Timestamp(35), None, 9).unwrap()), ["a.2"]);
    assert_eq!(ids(models.reserves_due(Timestamp(40), None, 9).unwrap()), ["a.2", "a.1"]);
    assert_eq!(ids(models.reserves_due(Timestamp(40), Some("a"), 1).unwrap()), ["a.2"]);
    assert!(models.reserves_due(Timestamp(40), Some("b"), 9).unwrap().is_empty());

    let released = ReserveReleased { settlement: "a.2".parse().unwrap(), amount: Money::new(5, currency) };
    say(journal.as_ref(), "account-a", 30, r#"{"merchant":"a"}"#, released);
    models.catch_up(&mut |_| {}).unwrap();
    assert_eq!(ids(models.reserves_due(Timestamp(40), None, 9).unwrap()), ["a.1"]);
    let status = |id| models.settlement(id).unwrap().unwrap().reserve_status();
    assert_eq!([status("a.1"), status("a.2"), status("b.1")], ["held", "released", "none"]);
}
