//! The second and third pass: the same amount near in time, and sums of a few.

use std::collections::BTreeMap;

use daybook_domain::provider::events::{BreakKind, MatchReason};
use daybook_domain::{Currency, Money};

use crate::{LineKind, Side};

use super::Work;

/// Most lines or entries of one sum.
const MOST_PARTS: usize = 3;
/// How many of the nearest in time are tried for a sum: more would come to any sum by chance.
const MOST_TRIED: usize = 12;

impl Work<'_> {
    /// One to one: the earliest line with the earliest entry of its amount within the window.
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
            let mut next = 0;
            for line in lines {
                // entries too early for this line are too early for those after it
                while next < entries.len()
                    && self.entry(entries[next]).at < self.line(line).at
                    && self.apart(line, entries[next]) > self.input.window
                {
                    next += 1;
                }
                let Some(entry) = entries.get(next).copied() else { break };
                if self.apart(line, entry) <= self.input.window {
                    next += 1;
                    self.same_amount(line, entry);
                }
            }
        }
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

    /// One line for a few entries, or one entry for a few lines, where exactly one choice comes to the sum.
    pub(super) fn by_sums(&mut self) {
        for line in self.left_lines() {
            if self.line_used[line] {
                continue;
            }
            let wanted = self.line(line).gross;
            let mut near: Vec<usize> = self.left_entries();
            near.retain(|e| alike(self.entry(*e).gross, wanted) && self.apart(line, *e) <= self.input.window);
            near.sort_by_key(|e| (self.apart(line, *e), *e));
            near.truncate(MOST_TRIED);
            let amounts: Vec<i64> = near.iter().map(|e| self.entry(*e).gross.minor).collect();
            if let Some(parts) = only_sum(&amounts, wanted.minor) {
                let entries = parts.into_iter().map(|at| near[at]).collect();
                self.matched(MatchReason::AmountSum, vec![line], entries);
            }
        }
        for entry in self.left_entries() {
            let wanted = self.entry(entry).gross;
            let mut near: Vec<usize> = self.left_lines();
            near.retain(|l| alike(self.line(*l).gross, wanted) && self.apart(*l, entry) <= self.input.window);
            near.sort_by_key(|l| (self.apart(*l, entry), *l));
            near.truncate(MOST_TRIED);
            let amounts: Vec<i64> = near.iter().map(|l| self.line(*l).gross.minor).collect();
            if let Some(parts) = only_sum(&amounts, wanted.minor) {
                let lines = parts.into_iter().map(|at| near[at]).collect();
                self.matched(MatchReason::AmountSum, lines, vec![entry]);
            }
        }
    }

    /// Lines that nothing was found for, without those of fees and of earlier statements.
    pub(super) fn left_lines(&self) -> Vec<usize> {
        let own = self.input.lines.len() - self.input.earlier;
        (0..own).filter(|n| !self.line_used[*n] && self.line(*n).kind != LineKind::Fee).collect()
    }

    /// Entries that nothing was found for.
    pub(super) fn left_entries(&self) -> Vec<usize> {
        (0..self.input.entries.len()).filter(|n| !self.entry_used[*n]).collect()
    }
}

/// Of one currency and one direction, and smaller: a part of it.
fn alike(part: Money, whole: Money) -> bool {
    part.currency == whole.currency
        && part.minor != 0
        && part.minor.signum() == whole.minor.signum()
        && part.minor.abs() < whole.minor.abs()
}

/// The two or three of `amounts` that come to `wanted`, where there is exactly one such choice.
fn only_sum(amounts: &[i64], wanted: i64) -> Option<Vec<usize>> {
    fn choose(amounts: &[i64], from: usize, left: i64, chosen: &mut Vec<usize>, found: &mut Vec<Vec<usize>>) {
        if left == 0 && chosen.len() >= 2 {
            found.push(chosen.clone());
            return;
        }
        if chosen.len() == MOST_PARTS || found.len() > 1 {
            return;
        }
        for at in from..amounts.len() {
            chosen.push(at);
            choose(amounts, at + 1, left.saturating_sub(amounts[at]), chosen, found);
            chosen.pop();
        }
    }
    let mut found = Vec::new();
    choose(amounts, 0, wanted, &mut Vec::new(), &mut found);
    if found.len() == 1 { found.pop() } else { None }
}
