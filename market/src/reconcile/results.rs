//! What a file came to, as commands and as a report.

use std::collections::BTreeSet;

use daybook_domain::provider::commands::StatementResult;
use daybook_domain::provider::events::{
    BooksEntry, BreakFound, BreakKind, MatchReason, StatementImported, StatementLine, StatementSide,
    StatementTotals,
};
use daybook_domain::{Code, Currency, Money, Reference};
use daybook_reconciliation::books::Entry;
use daybook_reconciliation::matching::{Break, Known, Outcome, naming_words};
use daybook_reconciliation::{Line, Parsed, Side, Statement};

use super::gather::Gathered;
use super::prepare::Prepared;
use super::sides::three_sides;
use super::{Ask, ByReason, FoundBreak, ReconcileError, Report};

/// Results in the order in which they are recorded.
pub(super) struct Came {
    pub results: Vec<StatementResult>,
    pub arrived: Vec<Reference>,
    pub breaks: Vec<FoundBreak>,
}

fn code(word: &str) -> Code {
    Code::new(word).expect("invariant: the words of this crate are codes")
}

/// Most references of a line that are kept beside its first ones, and most words.
const MOST_KEPT: usize = 64;

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
        file: None,
        other_references: None,
        other_ours: None,
        words: None,
        day_only: None,
    }
}

/// A line of the file, or of an earlier one.
fn line_of(n: usize, input: &Prepared, gathered: &Gathered) -> StatementLine {
    let file = n.checked_sub(input.own).map(|n| gathered.missing[n].digest);
    StatementLine { file, ..line(&input.lines[n]) }
}

/// A line that is to be laid beside later books, with all that they may name it by.
fn kept(of: &Line, side: Side) -> StatementLine {
    let others = |all: &[String]| -> Option<Vec<String>> {
        let others: Vec<String> = all.iter().skip(1).take(MOST_KEPT).cloned().collect();
        Some(others).filter(|o| !o.is_empty())
    };
    // a provider's text is never looked into
    let words = if side == Side::Bank { naming_words(&of.text) } else { Vec::new() };
    let words = words.into_iter().take(MOST_KEPT).map(str::to_owned).collect();
    StatementLine {
        other_references: others(&of.references),
        other_ours: others(&of.ours),
        words: Some(words).filter(|w: &Vec<String>| !w.is_empty()),
        day_only: of.day_only.then_some(true),
        ..line(of)
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
    Err(ReconcileError::OtherPlace { lines: elsewhere.len(), of: input.own, place: place.to_owned() })
}

/// Matches first, then what they resolve of earlier files, then breaks.
pub(super) fn results(
    digest: Reference,
    side: Side,
    input: &Prepared,
    gathered: &Gathered,
    outcome: &Outcome,
) -> Came {
    let mut results = Vec::new();
    let mut arrived: BTreeSet<Reference> = BTreeSet::new();
    let mut met: BTreeSet<usize> = BTreeSet::new();
    for found in &outcome.matches {
        met.extend(found.lines.iter().filter(|n| **n >= input.own));
        for n in &found.entries {
            if input.known[*n] == Known::Missed
                && let Some(name) = gathered.missed.get(&gathered.entries[*n].id)
            {
                arrived.insert(*name);
            }
        }
        let lines = found.lines.iter().map(|n| line_of(*n, input, gathered)).collect();
        let entries = found.entries.iter().map(|n| entry(&gathered.entries[*n])).collect();
        results.push(StatementResult::Matched { reason: found.reason, lines, entries });
    }
    // a break of several lines has arrived when all of them have
    let mut still: BTreeSet<Reference> = BTreeSet::new();
    for (n, missing) in gathered.missing.iter().enumerate() {
        let side = if met.contains(&(input.own + n)) { &mut arrived } else { &mut still };
        side.extend(missing.r#break);
    }
    arrived.retain(|name| !still.contains(name));
    // the file that was missing between two came
    arrived.extend(&input.closed);
    results.extend(arrived.iter().map(|name| StatementResult::Arrived { r#break: *name }));
    // what stands alone may be met later
    let line_in = |of: &Break, n: usize| match of.entries.as_slice() {
        [] if n < input.own => kept(&input.lines[n], side),
        _ => line_of(n, input, gathered),
    };
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
            lines: found.lines.iter().map(|n| line_in(found, *n)).collect(),
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
