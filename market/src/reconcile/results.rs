//! What a file came to, as commands and as a report.

use std::collections::{BTreeMap, BTreeSet};

use daybook_domain::provider::commands::StatementResult;
use daybook_domain::provider::events::{
    BooksEntry, BreakFound, BreakKind, MatchReason, StatementImported, StatementLine, StatementSide,
    StatementTotals,
};
use daybook_domain::{Code, Currency, Money, Reference};
use daybook_reconciliation::books::Entry;
use daybook_reconciliation::matching::{Break, Known, Outcome};
use daybook_reconciliation::{Line, Parsed, Side, Statement};

use super::gather::{Gathered, Prepared};
use super::{Ask, ByReason, FoundBreak, ReconcileError, Report, ThreeSides};

/// Results in the order in which they are recorded.
pub(super) struct Came {
    pub results: Vec<StatementResult>,
    pub arrived: Vec<Reference>,
    pub breaks: Vec<FoundBreak>,
}

fn code(word: &str) -> Code {
    Code::new(word).expect("invariant: the words of this crate are codes")
}

fn line(line: &Line) -> StatementLine {
    StatementLine {
        line: line.line,
        kind: code(line.kind.as_str()),
        reference: line.references.first().cloned().unwrap_or_default(),
        gross: line.gross,
        fee: line.fee,
        net: line.net,
        at: line.at,
        ours: line.ours.first().cloned(),
    }
}

fn entry(entry: &Entry) -> BooksEntry {
    BooksEntry {
        entry: Reference::new(&entry.id).expect("invariant: a UUID and a number are a reference"),
        stream: entry.stream.clone(),
        kind: code(entry.kind.as_str()),
        reference: entry.references.first().cloned().unwrap_or_default(),
        gross: entry.gross,
        fee: entry.fee,
        at: entry.at,
    }
}

/// Refuses a file of which more is at another provider or bank than here: it was taken under the wrong name.
pub(super) fn of_this_place(
    input: &Prepared,
    gathered: &Gathered,
    outcome: &Outcome,
) -> Result<(), ReconcileError> {
    let elsewhere: Vec<&Break> = outcome.breaks.iter().filter(|b| b.kind == BreakKind::Elsewhere).collect();
    let matched: usize = outcome.matches.iter().map(|m| m.lines.len()).sum();
    let Some(first) = elsewhere.first().filter(|_| elsewhere.len() > matched) else { return Ok(()) };
    let line = &input.lines[first.lines[0]];
    let names =
        |e: &&Entry| e.references.iter().any(|r| line.references.contains(r) || line.ours.contains(r));
    let place = gathered.elsewhere.iter().find(names).map_or("another name", |e| e.place.as_str());
    let of = input.lines.len() - input.earlier.len();
    Err(ReconcileError::OtherPlace { lines: elsewhere.len(), of, place: place.to_owned() })
}

/// Matches first, then what they resolve of earlier files, then breaks.
pub(super) fn results(digest: Reference, input: &Prepared, gathered: &Gathered, outcome: &Outcome) -> Came {
    let own = input.lines.len() - input.earlier.len();
    let mut results = Vec::new();
    let mut arrived: BTreeSet<Reference> = BTreeSet::new();
    for found in &outcome.matches {
        let mut lines: Vec<StatementLine> = Vec::new();
        for n in &found.lines {
            if *n >= own {
                arrived.extend(input.earlier[n - own]);
            }
            lines.push(line(&input.lines[*n]));
        }
        for n in &found.entries {
            if gathered.known[*n] == Known::Missed
                && let Some(name) = gathered.missed.get(&gathered.entries[*n].id)
            {
                arrived.insert(*name);
            }
        }
        let entries = found.entries.iter().map(|n| entry(&gathered.entries[*n])).collect();
        results.push(StatementResult::Matched { reason: found.reason, lines, entries });
    }
    results.extend(arrived.iter().map(|name| StatementResult::Arrived { r#break: *name }));
    let mut breaks = Vec::new();
    for (n, found) in outcome.breaks.iter().enumerate() {
        let name = format!("{}-{:04}", &digest.as_str()[..8], n + 1);
        let name =
            Reference::new(&name).expect("invariant: hexadecimal letters and a number are a reference");
        let broken = BreakFound {
            r#break: name,
            digest,
            kind: found.kind,
            amount: found.amount,
            since: found.since,
            lines: found.lines.iter().map(|n| line(&input.lines[*n])).collect(),
            entries: found.entries.iter().map(|n| entry(&gathered.entries[*n])).collect(),
            detail: found.detail.clone(),
        };
        let first = broken.lines.first();
        let reference = broken.reference().to_owned();
        breaks.push(FoundBreak {
            name,
            kind: broken.kind,
            amount: broken.amount,
            since: broken.since,
            line: first.map(|l| l.line),
            reference,
            stream: broken.entries.first().map(|e| e.stream.clone()),
            detail: broken.detail.clone(),
        });
        results.push(StatementResult::Break(broken));
    }
    Came { results, arrived: arrived.into_iter().collect(), breaks }
}

/// The head of an import.
pub(super) fn imported(
    digest: Reference,
    parsed: &Parsed,
    statement: &Statement,
    input: &Prepared,
    came: &Came,
    gathered: &Gathered,
    window: i64,
) -> StatementImported {
    let currencies: BTreeSet<Currency> = statement.lines.iter().map(|l| l.net.currency).collect();
    let totals = currencies.into_iter().map(|of| {
        let lines: Vec<&Line> = statement.lines.iter().filter(|l| l.net.currency == of).collect();
        let sum = |what: fn(&Line) -> Money| {
            lines.iter().map(|l| what(l)).fold(Money::zero(of), |sum, m| sum.add(m).unwrap_or(sum))
        };
        let (gross, fee) = (sum(|l| l.gross), sum(|l| l.fee));
        StatementTotals {
            currency: of,
            lines: lines.len() as u64,
            gross,
            fee,
            net: gross.sub(fee).unwrap_or(gross),
            opening: statement.opening.filter(|m| m.currency == of),
            closing: statement.closing.filter(|m| m.currency == of),
        }
    });
    StatementImported {
        digest,
        side: match parsed.format.side() {
            Side::Provider => StatementSide::Provider,
            Side::Bank => StatementSide::Bank,
        },
        format: code(parsed.format.as_str()),
        account: statement.account.clone(),
        lines: statement.lines.len() as u64,
        totals: totals.collect(),
        results: came.results.len() as u64,
        from: input.from,
        to: input.to,
        through: gathered.through,
        window_seconds: u64::try_from(window / 1_000_000).unwrap_or(0),
        number: Some(statement.number.clone()).filter(|n| !n.is_empty()),
    }
}

/// What people are told.
#[allow(clippy::too_many_arguments)] // all of what one import is made of, once
pub(super) fn report(
    ask: &Ask<'_>,
    digest: Reference,
    parsed: &Parsed,
    statement: &Statement,
    input: &Prepared,
    came: Came,
    gathered: &Gathered,
    outcome: &Outcome,
) -> Report {
    let by_reason = MatchReason::ALL.iter().map(|reason| {
        let of: Vec<_> = outcome.matches.iter().filter(|m| m.reason == *reason).collect();
        ByReason {
            reason: *reason,
            matches: of.len(),
            lines: of.iter().map(|m| m.lines.len()).sum(),
            entries: of.iter().map(|m| m.entries.len()).sum(),
        }
    });
    Report {
        provider: ask.provider,
        digest,
        format: parsed.format,
        account: statement.account.clone(),
        from: input.from,
        to: input.to,
        lines: statement.lines.len(),
        through: gathered.through,
        matches: by_reason.filter(|r| r.matches > 0).collect(),
        breaks: came.breaks,
        arrived: came.arrived,
        waiting: outcome.waiting.len(),
        untried: outcome.untried,
        payouts: three_sides(input, gathered, outcome),
    }
}

/// The provider's payouts within the period: what books, provider and bank say of each.
fn three_sides(input: &Prepared, gathered: &Gathered, outcome: &Outcome) -> Vec<ThreeSides> {
    let mut told = gathered.told.clone();
    for found in &outcome.matches {
        let nets = found.lines.iter().map(|n| input.lines[*n].net);
        let net = nets.reduce(|a, b| a.add(b).unwrap_or(a));
        for n in &found.entries {
            if let Some(net) = net {
                told.insert(gathered.entries[*n].id.clone(), net);
            }
        }
    }
    // both halves of a payout are parts of one event: part 0 left the provider, part 1 reached the bank
    let here = gathered.entries.iter().filter(|e| e.event == "ProviderPaidOut");
    let here = here.filter(|e| e.at >= input.from && e.at < input.to);
    let halves: BTreeMap<&str, &Entry> = gathered
        .entries
        .iter()
        .chain(&gathered.elsewhere)
        .filter(|e| e.event == "ProviderPaidOut")
        .map(|e| (e.id.as_str(), e))
        .collect();
    let sides = here.filter_map(|e| {
        let id = e.id.rsplit_once('/')?.0;
        let left = halves.get(format!("{id}/0").as_str())?;
        let came = halves.get(format!("{id}/1").as_str())?;
        Some(ThreeSides {
            reference: left.references.first().cloned().unwrap_or_default(),
            at: left.at,
            sent: Money::new(-left.gross.minor.saturating_sub(left.fee.minor), left.gross.currency),
            provider: told.get(&left.id).map(|m| Money::new(-m.minor, m.currency)),
            received: came.gross,
            bank: told.get(&came.id).copied(),
            from: left.place.clone(),
            to: came.place.clone(),
        })
    });
    sides.collect()
}
