//! What a file is laid beside: the books' side from the journal, and what earlier files came to.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use daybook_domain::provider::events::{BreakFound, Resolution, StatementLine};
use daybook_domain::time::DAY;
use daybook_domain::{Event, Money, Reference, Refs, Timestamp};
use daybook_journal::{Filter, Journal};
use daybook_reconciliation::books::{Entry, KINDS, Stored, entries};
use daybook_reconciliation::matching::{Input, Known};
use daybook_reconciliation::{Finding, Format, Line, LineKind, Parsed, Side, Statement, StatementError};
use serde::Serialize;

use super::{Ask, ReconcileError};

/// A payout of a provider: what the books, the provider and the bank say of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ThreeSides {
    /// The provider's reference.
    pub reference: String,
    /// When the books have it.
    pub at: Timestamp,
    /// What the books say left the provider, its fee included.
    pub sent: Money,
    /// What the provider's statement says left it.
    pub provider: Option<Money>,
    /// What the books say came to the bank.
    pub received: Money,
    /// What the bank's statement says came.
    pub bank: Option<Money>,
    /// The provider.
    pub from: String,
    /// The bank account.
    pub to: String,
}

/// What the journal says.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// The books' side here.
    pub entries: Vec<Entry>,
    /// What earlier files said of each of them.
    pub known: Vec<Known>,
    /// Entries elsewhere.
    pub elsewhere: Vec<Entry>,
    /// Breaks of earlier files by the entry that they lacked.
    pub missed: BTreeMap<String, Reference>,
    /// Lines of earlier files that the books lacked, with the break that is open for it.
    pub missing: Vec<(Option<Reference>, StatementLine)>,
    /// Where the period of the first file begins.
    pub covered_from: Option<Timestamp>,
    /// Where the period of the last file ends, and its closing balances.
    pub last_closing: Option<(Timestamp, Vec<Money>)>,
    /// The account of the last file of the same format.
    pub account: Option<String>,
    /// What statements say of payouts: by entry, what moved.
    pub told: BTreeMap<String, Money>,
    /// Where the journal stood.
    pub through: u64,
    /// The window of an import that was interrupted.
    pub resumed_window: Option<i64>,
}

/// The statement of a file: several of one account, one after the other, are one.
pub(super) fn one_statement(parsed: &Parsed) -> Result<Statement, StatementError> {
    let mut parts = parsed.statements.iter();
    let mut whole = parts.next().cloned().unwrap_or_default();
    for part in parts {
        if part.account != whole.account {
            let why = format!(
                "this statement is of account {:?}, the one before it of {:?}: take one account at a time",
                part.account, whole.account
            );
            return Err(StatementError::Line { line: part.line, why });
        }
        whole.lines.extend(part.lines.iter().cloned());
        whole.closing = part.closing.or(whole.closing);
        whole.from = whole.from.min(part.from).or(whole.from);
        whole.to = whole.to.max(part.to);
    }
    match parsed.findings.iter().find(|f| f.cut_off) {
        Some(cut) => Err(StatementError::Truncated { line: cut.line, why: cut.what.clone() }),
        None => Ok(whole),
    }
}

/// Reads the journal once. An import that was interrupted sees it as it stood at its beginning.
pub(super) fn gather(
    journal: &dyn Journal,
    ask: &Ask<'_>,
    digest: Reference,
    format: Format,
) -> Result<Gathered, ReconcileError> {
    let (side, through) = (format.side(), journal.head()?);
    let mut found = Gathered { through, ..Gathered::default() };
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut open: BTreeMap<Reference, BreakFound> = BTreeMap::new();
    let stream = format!("provider-{}", ask.provider);
    let of_statements = ["StatementImported", "StatementLineMatched", "BreakFound", "BreakResolved"];
    let kinds = KINDS.iter().chain(&of_statements).map(|k| (*k).into()).collect();
    let mut failed = None;
    let mut places: BTreeSet<(Side, String)> = BTreeSet::new();
    let mut all = Vec::new();
    journal.scan(0, None, &Filter { kinds: Some(kinds), categories: None }, &mut |e| {
        if e.position > found.through {
            return ControlFlow::Break(());
        }
        let decoded = Event::decode(e.kind, e.schema, e.data);
        let refs = Refs::parse(e.refs).unwrap_or_default();
        let event = match decoded {
            Ok(event) => event,
            Err(error) => {
                failed = Some(error);
                return ControlFlow::Break(());
            }
        };
        let here = e.stream == stream;
        match &event {
            Event::StatementImported(x) if here && x.digest == digest => {
                found.through = x.through.min(e.position.saturating_sub(1));
                found.resumed_window =
                    i64::try_from(x.window_seconds).ok().map(|s| s.saturating_mul(1_000_000));
                return ControlFlow::Break(());
            }
            Event::StatementImported(x) if here => {
                found.covered_from = Some(found.covered_from.map_or(x.from, |from| from.min(x.from)));
                let closing = x.totals.iter().filter_map(|t| t.closing).collect();
                found.last_closing = Some((x.to, closing));
                if x.format.as_str() == format.as_str() && !x.account.is_empty() {
                    found.account = Some(x.account.clone());
                }
            }
            Event::StatementLineMatched(x) => {
                let net = x.lines.iter().try_fold(None::<Money>, |sum, l| match sum {
                    None => Ok(Some(l.net)),
                    Some(sum) => sum.add(l.net).map(Some),
                });
                for entry in &x.entries {
                    if let Ok(Some(net)) = net {
                        found.told.insert(entry.entry.to_string(), net);
                    }
                    if here {
                        taken.insert(entry.entry.to_string());
                    }
                }
            }
            Event::BreakFound(x) if here => drop(open.insert(x.r#break, x.clone())),
            Event::BreakResolved(x) if here => {
                let Some(gone) = open.remove(&x.r#break) else { return ControlFlow::Continue(()) };
                match x.how {
                    Resolution::ArrivedLater => {}
                    // the books were corrected by an event of their own: its entry is what this line is
                    Resolution::Corrected if gone.entries.is_empty() => {
                        found.missing.extend(gone.lines.into_iter().map(|line| (None, line)));
                    }
                    _ => taken.extend(gone.entries.iter().map(|e| e.entry.to_string())),
                }
            }
            _ => {}
        }
        let id = e.id.to_string();
        let stored = Stored {
            id: &id,
            stream: e.stream,
            refs: &refs,
            occurred_at: Timestamp(e.occurred_at),
            event: &event,
        };
        entries(&stored, &mut all);
        ControlFlow::Continue(())
    })?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    for entry in all {
        places.insert((entry.side, entry.place.clone()));
        if entry.side == side && entry.place == ask.provider.as_str() {
            // what such a file never shows is not missing in it
            if format.shows(entry.kind, entry.gross) {
                found.entries.push(entry);
            }
        } else {
            found.elsewhere.push(entry);
        }
    }
    if found.entries.is_empty() {
        let known: Vec<&str> =
            places.iter().filter(|(s, _)| *s == side).map(|(_, name)| name.as_str()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(ReconcileError::UnknownPlace { side, name: ask.provider.to_string(), known });
    }
    for (name, broken) in open {
        // a break within a match stands beside it; what is missing stands alone
        if broken.lines.is_empty() {
            found.missed.extend(broken.entries.iter().map(|e| (e.entry.to_string(), name)));
        } else if broken.entries.is_empty() {
            found.missing.extend(broken.lines.into_iter().map(|line| (Some(name), line)));
        }
    }
    let known = |e: &Entry| {
        if taken.contains(&e.id) {
            Known::Taken
        } else if found.missed.contains_key(&e.id) {
            Known::Missed
        } else {
            Known::New
        }
    };
    found.known = found.entries.iter().map(known).collect();
    Ok(found)
}

/// Lines and period, ready to be matched.
pub(super) struct Prepared {
    /// Lines of the file, then lines of earlier ones that the books lacked.
    pub lines: Vec<Line>,
    /// The breaks of those of earlier ones, where they are open still.
    pub earlier: Vec<Option<Reference>>,
    /// What does not agree within the file, or with the one before it.
    pub findings: Vec<Finding>,
    /// Where its period begins.
    pub from: Timestamp,
    /// Where it ends.
    pub to: Timestamp,
}

impl Prepared {
    pub fn new(gathered: &Gathered, parsed: &Parsed, statement: &Statement) -> Result<Self, StatementError> {
        if let Some(was) =
            gathered.account.as_ref().filter(|a| !statement.account.is_empty() && **a != statement.account)
        {
            let why = format!(
                "the statement is of account {}, those before it of {was}: keep each account under a name of its own",
                statement.account
            );
            return Err(StatementError::Line { line: statement.line, why });
        }
        let mut lines = statement.lines.clone();
        let of_books: BTreeSet<_> = gathered.entries.iter().map(|e| e.gross.currency).collect();
        if let Some(first) = lines.first()
            && !lines.iter().any(|l| of_books.contains(&l.net.currency))
        {
            let known: Vec<&str> = of_books.iter().map(|c| c.as_str()).collect();
            let why = format!(
                "it is in {}, the books have {} there: is it another account's?",
                first.net.currency,
                known.join(", ")
            );
            return Err(StatementError::Line { line: first.line, why });
        }
        let first = lines.iter().map(|l| l.at).min();
        let last = lines.iter().map(|l| l.at).max();
        // without a period of its own: whole days of the lines, by the clock that the writer keeps
        let from = statement.from.or_else(|| first.map(|at| day(at, parsed)));
        let to = statement.to.or_else(|| last.map(|at| day(at, parsed).plus(DAY)));
        let (Some(from), Some(to)) = (from, to) else {
            return Err(StatementError::Line {
                line: statement.line,
                why: "the statement has no line and no period: there is nothing to take".into(),
            });
        };
        let mut findings = parsed.findings.clone();
        if let (Some(opening), Some((until, closing))) = (statement.opening, &gathered.last_closing)
            && let Some(was) = closing.iter().find(|c| c.currency == opening.currency)
            && *was != opening
        {
            let what = format!(
                "it opens at {opening}, the statement up to {until} closed at {was}: one between is missing"
            );
            findings.push(Finding {
                line: statement.line,
                what,
                off: opening.sub(*was).ok(),
                cut_off: false,
            });
        }
        let earlier = gathered.missing.iter().map(|(name, _)| *name).collect();
        lines.extend(gathered.missing.iter().map(|(_, line)| again(line)));
        Ok(Self { lines, earlier, findings, from, to: to.max(from) })
    }

    pub fn input<'a>(&'a self, gathered: &'a Gathered, parsed: &Parsed, window: i64) -> Input<'a> {
        Input {
            side: parsed.format.side(),
            lines: &self.lines,
            earlier: self.earlier.len(),
            named_only: self.earlier.len(),
            entries: &gathered.entries,
            known: &gathered.known,
            elsewhere: &gathered.elsewhere,
            findings: &self.findings,
            from: gathered.covered_from.map_or(self.from, |from| from.min(self.from)),
            to: self.to,
            window,
        }
    }
}

/// The start of a day, Beijing's for what is written there, else UTC's.
fn day(at: Timestamp, parsed: &Parsed) -> Timestamp {
    use daybook_reconciliation::Format::{AlipayLedger, WechatBill, WechatFundFlow};
    let east = match parsed.format {
        WechatBill | WechatFundFlow | AlipayLedger => 8 * 3_600 * 1_000_000,
        _ => 0,
    };
    Timestamp((at.0 + east).div_euclid(DAY) * DAY - east)
}

/// A line of an earlier file as it was kept.
fn again(line: &StatementLine) -> Line {
    Line {
        line: line.line,
        references: Some(line.reference.clone()).filter(|r| !r.is_empty()).into_iter().collect(),
        ours: line.ours.clone().into_iter().collect(),
        kind: line.kind.as_str().parse().unwrap_or(LineKind::Other),
        gross: line.gross,
        fee: line.fee,
        net: line.net,
        at: line.at,
        value_at: None,
        day_only: false,
        text: String::new(),
    }
}
