//! The last pass: what is left is a break.

use std::collections::HashMap;

use daybook_domain::Money;
use daybook_domain::provider::events::BreakKind;

use crate::LineKind;
use crate::books::Entry;

use super::{Break, Known, Work};

impl Work<'_> {
    /// Lines that the books lack, entries that the statement lacks, and what does not agree within the statement.
    pub(super) fn left(&mut self) {
        // looked up only: its order is never seen
        let mut elsewhere: HashMap<&str, &Entry> = HashMap::new();
        for entry in self.input.elsewhere {
            for reference in &entry.references {
                elsewhere.entry(reference).or_insert(entry);
            }
        }
        for group in self.left_groups() {
            self.left_group(&group, &elsewhere);
        }
        for n in self.left_entries() {
            let entry = self.entry(n);
            let covered = entry.at >= self.input.from && entry.at < self.input.to;
            if !covered || matches!(self.input.known[n], Known::Missed | Known::Settled) {
                continue;
            }
            if entry.at.plus(self.input.window) >= self.input.to {
                self.out.waiting.push(n);
                continue;
            }
            let amount = Money::new(-entry.gross.minor.saturating_sub(entry.fee.minor), entry.gross.currency);
            let detail = format!("the statement has no such {} ({})", entry.kind, entry.event);
            self.found(BreakKind::MissingThere, amount, &[], &[n], detail);
        }
        for finding in self.input.findings {
            let of = self.input.lines.first().map(|l| l.net.currency);
            let of = of.or_else(|| self.input.entries.first().map(|e| e.gross.currency));
            let amount = finding.off.or(of.map(Money::zero));
            let Some(amount) = amount else { continue };
            // lines of earlier files have numbers of their own
            let own = &self.input.lines[..self.input.lines.len() - self.input.earlier];
            let since = own.iter().find(|l| l.line >= finding.line).map_or(self.input.to, |l| l.at);
            let detail = format!("line {}: {}", finding.line, finding.what);
            let found =
                Break { kind: BreakKind::Totals, amount, since, lines: vec![], entries: vec![], detail };
            self.out.breaks.push(found);
        }
    }

    /// Lines left over; a payment and its fee, which name one reference, together.
    fn left_groups(&self) -> Vec<Vec<usize>> {
        let own = self.input.lines.len() - self.input.earlier;
        let mut by_reference: HashMap<&str, usize> = HashMap::new();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for n in (0..own).filter(|n| !self.line_used[*n]) {
            let at = match self.line(n).references.first() {
                Some(reference) => *by_reference.entry(reference).or_insert(groups.len()),
                None => groups.len(),
            };
            if at == groups.len() {
                groups.push(Vec::new());
            }
            groups[at].push(n);
        }
        groups
    }

    fn left_group(&mut self, group: &[usize], elsewhere: &HashMap<&str, &Entry>) {
        let main = group.iter().find(|n| self.line(**n).kind != LineKind::Fee).unwrap_or(&group[0]);
        let line = self.line(*main);
        let net = group.iter().map(|n| self.line(*n).net).filter(|m| m.currency == line.net.currency);
        let amount = net.fold(Money::zero(line.net.currency), |sum, m| sum.add(m).unwrap_or(sum));
        let known = line.references.iter().chain(&line.ours).find_map(|r| elsewhere.get(r.as_str()));
        let (kind, detail) = match (known, line.kind) {
            (Some(entry), _) => {
                let detail =
                    format!("the books have it at {} {} ({})", entry.side, entry.place, entry.stream);
                (BreakKind::Elsewhere, detail)
            }
            (None, LineKind::Reversal) => {
                (BreakKind::Reversed, "it takes something back that the books still have".to_owned())
            }
            (None, LineKind::Fee) => (BreakKind::Fee, "a fee that the books do not have".to_owned()),
            (None, kind) => (BreakKind::MissingHere, format!("the books have no such {kind}")),
        };
        group.iter().for_each(|n| self.line_used[*n] = true);
        self.found(kind, amount, group, &[], detail);
    }
}
