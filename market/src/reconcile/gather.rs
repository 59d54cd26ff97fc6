//! What the journal says of a provider or bank: the books' side, and what earlier files came to.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use daybook_domain::provider::events::{
    BreakFound, BreakKind, BreakResolved, Resolution, StatementImported, StatementLine, StatementLineMatched,
};
use daybook_domain::{Event, Money, Reference, Refs, Timestamp};
use daybook_journal::{Filter, Journal};
use daybook_reconciliation::books::{Entry, KINDS, Stored, entries};
use daybook_reconciliation::matching::Known;
use daybook_reconciliation::{Format, Side};

use super::sides::tell_of;
use super::{Ask, ReconcileError};

/// A line of an earlier file that the books lacked.
#[derive(Clone, Debug)]
pub(super) struct Missing {
    /// The break that is open for it; none where the books were corrected by an event of their own: its entry is what
    /// this line is.
    pub r#break: Option<Reference>,
    /// The file that it is of.
    pub digest: Reference,
    /// Whether it is one more of what is there already, so that a reference alone may match it.
    pub named_only: bool,
    /// The line.
    pub line: StatementLine,
}

/// An earlier file: its period and balances.
#[derive(Clone, Debug)]
pub(super) struct Earlier {
    pub digest: Reference,
    pub format: Option<Format>,
    pub from: Timestamp,
    pub to: Timestamp,
    pub opening: Vec<Money>,
    pub closing: Vec<Money>,
}

/// What the journal says.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// The books' side here.
    pub entries: Vec<Entry>,
    /// Entries elsewhere.
    pub elsewhere: Vec<Entry>,
    /// Entries that an earlier file of this format has, or whose break in one was dealt with.
    taken: BTreeSet<String>,
    /// Entries that an earlier file of another format has: each format tells of the same money once more.
    seen: BTreeSet<String>,
    /// Entries whose break was dealt with in another format, or by one.
    settled: BTreeSet<String>,
    /// Breaks of earlier files by the entry that they lacked.
    pub missed: BTreeMap<String, Reference>,
    /// Lines of earlier files of this format that the books lacked; those that only a reference may match are last.
    pub missing: Vec<Missing>,
    /// Open breaks of earlier files whose balances did not meet those of their neighbours: the break, the file, in words.
    pub gaps: Vec<(Reference, Reference, String)>,
    /// The files before.
    pub files: Vec<Earlier>,
    /// The account of the last file of the same format.
    pub account: Option<String>,
    /// What statements say of payouts: by entry, what moved.
    pub told: BTreeMap<String, Money>,
    /// Where the journal stood.
    pub through: u64,
    /// The window of an import that was interrupted.
    pub resumed_window: Option<i64>,
    /// Breaks that are open.
    open: BTreeMap<Reference, BreakFound>,
    /// Formats of the files.
    formats: BTreeMap<Reference, Option<Format>>,
    /// Lines of earlier files that later ones met: a file may have several that look alike.
    met: BTreeMap<(Reference, u64, String, i64), usize>,
}

/// Which line of a file it is; those that agree in this are the same money.
fn key(digest: Reference, line: &StatementLine) -> (Reference, u64, String, i64) {
    (digest, line.line, line.reference.clone(), line.net.minor)
}

impl Gathered {
    fn imported(&mut self, x: &StatementImported, format: Format) {
        let of = x.format.as_str().parse().ok();
        self.formats.insert(x.digest, of);
        self.files.push(Earlier {
            digest: x.digest,
            format: of,
            from: x.from,
            to: x.to,
            opening: x.totals.iter().filter_map(|t| t.opening).collect(),
            closing: x.totals.iter().filter_map(|t| t.closing).collect(),
        });
        if of == Some(format) && !x.account.is_empty() {
            self.account = Some(x.account.clone());
        }
    }

    fn is_of(&self, file: Reference, format: Format) -> bool {
        self.formats.get(&file).copied().flatten() == Some(format)
    }

    fn matched(&mut self, x: &StatementLineMatched, format: Format) {
        let same = self.is_of(x.digest, format);
        let known = if same { &mut self.taken } else { &mut self.seen };
        known.extend(x.entries.iter().map(|e| e.entry.to_string()));
        for line in &x.lines {
            if let Some(file) = line.file {
                *self.met.entry(key(file, line)).or_default() += 1;
            }
        }
    }

    fn resolved(&mut self, x: &BreakResolved, format: Format) {
        let Some(gone) = self.open.remove(&x.r#break) else { return };
        let same = self.is_of(gone.digest, format);
        match x.how {
            Resolution::Corrected if gone.entries.is_empty() => {
                if same {
                    self.lacks(None, gone);
                }
            }
            how => {
                // what arrived is a match of its own, and of another format perhaps
                let whole = same && how != Resolution::ArrivedLater;
                let known = if whole { &mut self.taken } else { &mut self.settled };
                known.extend(gone.entries.iter().map(|e| e.entry.to_string()));
            }
        }
    }

    fn lacks(&mut self, name: Option<Reference>, broken: BreakFound) {
        let named_only = matches!(broken.kind, BreakKind::Duplicate | BreakKind::Reversed);
        self.missing.extend(broken.lines.into_iter().map(|line| Missing {
            r#break: name,
            digest: broken.digest,
            named_only,
            line,
        }));
    }

    /// Once the journal is read: what is open still.
    fn close(&mut self, format: Format) {
        for (name, broken) in std::mem::take(&mut self.open) {
            // a break within a match stands beside it; what is missing stands alone
            if broken.kind == BreakKind::Totals {
                self.gaps.push((name, broken.digest, broken.detail));
            } else if broken.lines.is_empty() {
                self.missed.extend(broken.entries.iter().map(|e| (e.entry.to_string(), name)));
            } else if broken.entries.is_empty() && self.is_of(broken.digest, format) {
                self.lacks(Some(name), broken);
            }
        }
        let met = &mut self.met;
        self.missing.retain(|m| match met.get_mut(&key(m.digest, &m.line)) {
            Some(times) if *times > 0 => {
                *times -= 1;
                false
            }
            _ => true,
        });
        self.missing.sort_by_key(|m| m.named_only);
    }

    /// What is known of each entry, for a file of this format whose period begins at `from`.
    pub fn known(&self, format: Format, from: Timestamp) -> Vec<Known> {
        let own = self.files.iter().filter(|f| f.format == Some(format)).map(|f| f.from).min();
        let own = own.map_or(from, |own| own.min(from));
        let known = |e: &Entry| {
            if self.taken.contains(&e.id) {
                Known::Taken
            } else if self.missed.contains_key(&e.id) {
                Known::Missed
            } else if self.settled.contains(&e.id) {
                Known::Settled
            } else if e.at >= own {
                Known::New
            } else {
                // before files of this format begin, those of another answer for what they show
                let covers =
                    |f: &Earlier| f.from <= e.at && f.format.is_some_and(|f| f.shows(e.kind, e.gross));
                let asked = !self.seen.contains(&e.id) && self.files.iter().any(covers);
                if asked { Known::New } else { Known::Settled }
            }
        };
        self.entries.iter().map(known).collect()
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
    let stream = format!("provider-{}", ask.provider);
    let of_statements = ["StatementImported", "StatementLineMatched", "BreakFound", "BreakResolved"];
    let kinds = KINDS.iter().chain(&of_statements).map(|k| (*k).into()).collect();
    let mut failed = None;
    let mut all = Vec::new();
    // where each of them stands
    let mut positions: Vec<u64> = Vec::new();
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
            Event::StatementImported(x) if here => found.imported(x, format),
            Event::StatementLineMatched(x) => {
                tell_of(&mut found.told, x);
                if here {
                    found.matched(x, format);
                }
            }
            Event::BreakFound(x) if here => drop(found.open.insert(x.r#break, x.clone())),
            Event::BreakResolved(x) if here => found.resolved(x, format),
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
        positions.resize(all.len(), e.position);
        ControlFlow::Continue(())
    })?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    // between the head that an interrupted import saw and the import itself others may have written
    all.truncate(positions.partition_point(|position| *position <= found.through));
    let mut places: BTreeSet<(Side, String)> = BTreeSet::new();
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
    found.close(format);
    Ok(found)
}
