//! The second pass: the same amount near in time, one to one.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use daybook_domain::provider::events::{BreakKind, MatchReason};
use daybook_domain::time::DAY;
use daybook_domain::{Currency, Money, Timestamp};

use crate::{LineKind, Side};

use super::Work;

/// Most pairs of lines and entries that are weighed against each other; of more, each line takes the earliest entry.
const MOST_PAIRS: usize = 1 << 16;

/// A run of lines and entries of one amount, each in order of time, that no window reaches beyond.
struct Run<'a> {
    lines: &'a [usize],
    entries: &'a [usize],
}

impl Work<'_> {
    /// One to one, within the window: as many as can be, and of these choices the nearest in time.
    pub(super) fn by_amount(&mut self) {
        type Cell = (Currency, i64, Option<LineKind>);
        let provider = self.input.side == Side::Provider;
        // at a provider what it is called must agree too: amounts repeat there
        let cell = |money: Money, kind: LineKind| -> Cell {
            (money.currency, money.minor, provider.then_some(kind))
        };
        let mut cells: BTreeMap<Cell, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
        for n in self.left_lines() {
            let line = self.line(n);
            cells.entry(cell(line.gross, line.kind)).or_default().0.push(n);
        }
        for n in self.left_entries() {
            let entry = self.entry(n);
            if let Some(found) = cells.get_mut(&cell(entry.gross, entry.kind)) {
                found.1.push(n);
            }
        }
        for (mut lines, mut entries) in cells.into_values().filter(|(_, entries)| !entries.is_empty()) {
            lines.sort_by_key(|n| (self.line(*n).at, *n));
            entries.sort_by_key(|n| (self.entry(*n).at, *n));
            for (of_lines, of_entries) in self.runs(&lines, &entries) {
                let run = Run { lines: &lines[of_lines], entries: &entries[of_entries] };
                let pairs = if run.lines.len().saturating_mul(run.entries.len()) <= MOST_PAIRS {
                    self.nearest(&run)
                } else {
                    self.earliest(&run)
                };
                for (line, entry) in pairs {
                    self.same_amount(line, entry);
                }
            }
        }
    }

    /// Cuts lines and entries where nothing before can meet anything after.
    fn runs(&self, lines: &[usize], entries: &[usize]) -> Vec<(Range<usize>, Range<usize>)> {
        // a day without a time reaches further than the window, by less than two days
        let reach = self.input.window.saturating_add(2 * DAY);
        let (mut runs, mut from, mut at) = (Vec::new(), (0, 0), (0, 0));
        let mut last: Option<Timestamp> = None;
        loop {
            let line = lines.get(at.0).map(|n| self.line(*n).at);
            let entry = entries.get(at.1).map(|n| self.entry(*n).at);
            let Some(next) = [line, entry].into_iter().flatten().min() else { break };
            if last.is_some_and(|last| next.0.saturating_sub(last.0) > reach) {
                runs.push((from.0..at.0, from.1..at.1));
                from = at;
            }
            last = Some(next);
            if line == Some(next) {
                at.0 += 1;
            } else {
                at.1 += 1;
            }
        }
        runs.push((from.0..at.0, from.1..at.1));
        runs
    }

    /// The earliest line with the earliest entry that it reaches, and so on.
    fn earliest(&self, run: &Run<'_>) -> Vec<(usize, usize)> {
        let mut pairs = Vec::new();
        let mut next = 0;
        for line in run.lines {
            // entries too early for this line are too early for those after it
            while next < run.entries.len()
                && self.entry(run.entries[next]).at < self.line(*line).at
                && self.apart(*line, run.entries[next]) > self.input.window
            {
                next += 1;
            }
            let Some(entry) = run.entries.get(next).copied() else { break };
            if self.apart(*line, entry) <= self.input.window {
                next += 1;
                pairs.push((*line, entry));
            }
        }
        pairs
    }

    /// The most pairs, and of these choices the one with the least time between them. No pair crosses another: uncrossed
    /// they are never further apart.
    fn nearest(&self, run: &Run<'_>) -> Vec<(usize, usize)> {
        /// What is best done with the first line and the first entry of what is left.
        #[derive(Clone, Copy)]
        enum Step {
            Pair,
            SkipLine,
            SkipEntry,
        }
        let (lines, entries) = (run.lines.len(), run.entries.len());
        let mut steps = vec![Step::SkipEntry; lines * entries];
        // by the entry that it begins with: how many pairs, and how far apart they are together
        let mut below = vec![(0usize, 0i64); entries + 1];
        for (l, line) in run.lines.iter().enumerate().rev() {
            let mut row = below.clone();
            for (e, entry) in run.entries.iter().enumerate().rev() {
                let skips = [(below[e], Step::SkipLine), (row[e + 1], Step::SkipEntry)];
                let (pairs, apart) = below[e + 1];
                let pair = (self.apart(*line, *entry) <= self.input.window)
                    .then(|| ((pairs + 1, apart.saturating_add(self.distance(*line, *entry))), Step::Pair));
                let best =
                    pair.into_iter().chain(skips).min_by_key(|((pairs, apart), _)| (Reverse(*pairs), *apart));
                (row[e], steps[l * entries + e]) = best.unwrap_or(skips[0]);
            }
            below = row;
        }
        let (mut l, mut e, mut chosen) = (0, 0, Vec::new());
        while l < lines && e < entries {
            match steps[l * entries + e] {
                Step::Pair => {
                    chosen.push((run.lines[l], run.entries[e]));
                    (l, e) = (l + 1, e + 1);
                }
                Step::SkipLine => l += 1,
                Step::SkipEntry => e += 1,
            }
        }
        chosen
    }

    fn same_amount(&mut self, line: usize, entry: usize) {
        let lines = self.with_fees(line);
        let both = !self.line(line).references.is_empty() && !self.entry(entry).references.is_empty();
        if self.input.side == Side::Provider && both {
            let (theirs, ours) = (&self.line(line).references[0], &self.entry(entry).references[0]);
            let detail = format!("the statement has it under {theirs}, the books under {ours}");
            let gross = self.line(line).gross;
            self.found(BreakKind::Reference, gross, &lines, &[entry], detail);
        }
        self.matched(MatchReason::Amount, lines, vec![entry]);
    }

    /// A line with the lines of fees that name the same reference.
    fn with_fees(&self, line: usize) -> Vec<usize> {
        let mut lines = vec![line];
        if let Some(reference) = self.line(line).references.first() {
            // they stand near each other in every ledger
            const NEAR: usize = 8;
            let near = line.saturating_sub(NEAR)..(line + NEAR).min(self.input.lines.len());
            lines.extend(near.filter(|n| {
                let other = self.line(*n);
                *n != line
                    && !self.line_used[*n]
                    && other.kind == LineKind::Fee
                    && other.references.first() == Some(reference)
            }));
        }
        lines
    }

    /// Lines that nothing was found for, without those of fees and those that only a reference may match.
    pub(super) fn left_lines(&self) -> Vec<usize> {
        let lines = self.input.lines.len() - self.input.named_only;
        (0..lines).filter(|n| !self.line_used[*n] && self.line(*n).kind != LineKind::Fee).collect()
    }

    /// Entries that nothing was found for.
    pub(super) fn left_entries(&self) -> Vec<usize> {
        (0..self.input.entries.len()).filter(|n| !self.entry_used[*n]).collect()
    }
}
