//! The first pass: lines and entries that name the same reference.

use std::collections::HashMap;

use daybook_domain::provider::events::{BreakKind, MatchReason};

use crate::{Line, LineKind, Side};

use super::{Known, Work};

/// Shortest word of a bank's free text that is looked up as a reference: shorter ones hit by chance.
const SHORTEST_WORD: usize = 6;

/// Groups, each known by its first member.
struct Groups(Vec<usize>);

impl Groups {
    fn root(&mut self, mut n: usize) -> usize {
        while self.0[n] != n {
            self.0[n] = self.0[self.0[n]];
            n = self.0[n];
        }
        n
    }
    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}

/// The words of a bank's free text that may be references.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '+' | '(' | ')'));
    words.filter(|w| w.len() >= SHORTEST_WORD)
}

/// The words of a bank's text that a later look at it needs: letters and digits both, as references have, and no IBAN.
/// Names and telephone numbers are none, so that what is kept of a text is not about people.
#[must_use]
pub fn naming_words(text: &str) -> Vec<&str> {
    let mixed = |w: &str| w.bytes().any(|b| b.is_ascii_digit()) && w.chars().any(char::is_alphabetic);
    words(text).filter(|w| mixed(w) && !w.contains('@') && !is_iban(w)).collect()
}

/// Whether a word is an account's number: a country, and check digits that fit.
fn is_iban(word: &str) -> bool {
    let bytes = word.as_bytes();
    let shaped = (15..=34).contains(&bytes.len())
        && bytes[..2].iter().all(u8::is_ascii_alphabetic)
        && bytes[2..4].iter().all(u8::is_ascii_digit)
        && bytes.iter().all(u8::is_ascii_alphanumeric);
    // letters count from ten; the country and the check digits stand last
    shaped
        && word
            .chars()
            .cycle()
            .skip(4)
            .take(word.len())
            .filter_map(|c| c.to_digit(36))
            .fold(0, |rest, n| (if n < 10 { rest * 10 + n } else { rest * 100 + n }) % 97)
            == 1
}

impl Work<'_> {
    /// Groups of lines and entries that name a reference in common, each settled within itself.
    pub(super) fn by_reference(&mut self) {
        let (lines, entries) = (self.input.lines, self.input.entries);
        // looked up only: its order is never seen
        let mut first: HashMap<&str, usize> = HashMap::with_capacity(entries.len());
        let mut groups = Groups((0..entries.len() + lines.len()).collect());
        for (n, entry) in entries.iter().enumerate() {
            for reference in &entry.references {
                match first.get(reference.as_str()) {
                    Some(other) => groups.join(*other, n),
                    None => {
                        first.insert(reference, n);
                    }
                }
            }
        }
        let mut linked = vec![false; lines.len()];
        for (n, line) in lines.iter().enumerate() {
            for entry in self.named(line, |r| first.get(r).copied()) {
                groups.join(entry, entries.len() + n);
                linked[n] = true;
            }
        }
        let mut members: HashMap<usize, (Vec<usize>, Vec<usize>)> = HashMap::new();
        let mut order = Vec::new();
        for n in linked.iter().enumerate().filter(|(_, linked)| **linked).map(|(n, _)| n) {
            let root = groups.root(entries.len() + n);
            let group = members.entry(root).or_insert_with(|| {
                order.push(root);
                Default::default()
            });
            group.0.push(n);
        }
        for n in 0..entries.len() {
            let root = groups.root(n);
            if let Some(group) = members.get_mut(&root) {
                group.1.push(n);
            }
        }
        for root in order {
            if let Some((lines, entries)) = members.remove(&root) {
                self.settle_group(lines, entries);
            }
        }
    }

    /// What `known` finds under the references of a line. A provider's line is of one transaction: the first that is
    /// known, as a refund names its payment after itself. A bank may book many at once: all of them.
    fn named<T>(&self, line: &Line, known: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let references = line.references.iter().chain(&line.ours);
        let mut found: Vec<T> = references.filter_map(|r| known(r)).collect();
        if self.input.side == Side::Provider {
            found.truncate(1);
        } else if found.is_empty() {
            found = words(&line.text).filter_map(known).collect();
        }
        found
    }

    /// The entries of `open` that go the way of a line which names several of them, each by a reference of its own.
    fn batch(&self, line: usize, open: &[usize]) -> Vec<usize> {
        let line = self.line(line);
        let mut by_reference: HashMap<&str, Vec<usize>> = HashMap::new();
        for n in open {
            let entry = self.entry(*n);
            if entry.gross.minor.signum() == line.gross.minor.signum() {
                entry.references.iter().for_each(|r| by_reference.entry(r).or_default().push(*n));
            }
        }
        let named = self.named(line, |r| by_reference.get(r));
        let mut entries: Vec<usize> = named.iter().copied().flatten().copied().collect();
        entries.sort_unstable();
        entries.dedup();
        // several under one reference may be of several lines
        if named.len() < 2 || entries.len() < 2 { Vec::new() } else { entries }
    }

    fn settle_group(&mut self, lines: Vec<usize>, entries: Vec<usize>) {
        let (fees, mut lines): (Vec<usize>, Vec<usize>) =
            lines.into_iter().partition(|n| self.line(*n).kind == LineKind::Fee);
        let taken: Vec<usize> =
            entries.iter().copied().filter(|n| self.input.known[*n] == Known::Taken).collect();
        let mut open: Vec<usize> =
            entries.into_iter().filter(|n| self.input.known[*n] != Known::Taken).collect();
        let mut pairs: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();

        // the same amount: nearest in what it is called, its fee, its time
        let mut kept = Vec::new();
        for n in std::mem::take(&mut lines) {
            let line = self.line(n);
            let fits = open.iter().enumerate().filter(|(_, e)| self.entry(**e).gross == line.gross);
            let best = fits.min_by_key(|(_, e)| {
                let entry = self.entry(**e);
                (entry.kind != line.kind, entry.fee != line.fee, self.apart(n, **e), **e)
            });
            match best.map(|(at, _)| at) {
                Some(at) => pairs.push((vec![n], vec![open.remove(at)])),
                None => kept.push(n),
            }
        }
        let settled: Vec<usize> = pairs.iter().flat_map(|(lines, _)| lines.clone()).collect();

        // one more of what is there already, here or in an earlier statement; or what takes it back
        // lines of earlier statements are known: they wait for their entry, and are nothing else
        let own = self.input.lines.len() - self.input.earlier;
        kept.retain(|n| {
            if *n >= own {
                return true;
            }
            let line = self.line(*n);
            let other = settled
                .iter()
                .find(|s| self.line(**s).gross == line.gross && self.line(**s).kind == line.kind);
            let before = taken
                .iter()
                .find(|e| self.entry(**e).gross == line.gross && self.entry(**e).kind == line.kind);
            if let (None, None) = (other, before) {
                return true;
            }
            let (entries, detail) = match (other, before) {
                (Some(other), _) => (Vec::new(), format!("line {} has it already", self.line(*other).line)),
                (None, Some(e)) => (vec![*e], "an earlier statement has it already".to_owned()),
                (None, None) => (Vec::new(), String::new()),
            };
            let gross = line.gross;
            self.line_used[*n] = true;
            self.found(BreakKind::Duplicate, gross, &[*n], &entries, detail);
            false
        });
        kept.retain(|n| {
            let line = self.line(*n);
            let undone = settled.iter().find(|s| {
                let other = self.line(**s);
                other.gross.currency == line.gross.currency
                    && other.gross.minor == line.gross.minor.saturating_neg()
                    && line.gross.minor != 0
            });
            if *n >= own || !open.is_empty() || undone.is_none() {
                return true;
            }
            let of = undone.map_or(0, |s| self.line(*s).line);
            let gross = line.gross;
            self.line_used[*n] = true;
            self.found(
                BreakKind::Reversed,
                gross,
                &[*n],
                &[],
                format!("it takes back line {of}; the books do not"),
            );
            false
        });

        // a bank's line for several that it names, whose difference is a break
        if self.input.side == Side::Bank {
            kept.retain(|n| {
                let named = self.batch(*n, &open);
                if named.is_empty() {
                    return true;
                }
                open.retain(|e| !named.contains(e));
                pairs.push((vec![*n], named));
                false
            });
        }

        // several that come to the same sum; else each with its own, whose difference is a break
        let gross = |n: &usize| (self.line(*n).gross, self.line(*n).fee);
        let booked = |n: &usize| (self.entry(*n).gross, self.entry(*n).fee);
        if let (Some(l), Some(e)) = (kept.first(), open.first()) {
            let theirs = self.sum(kept.iter().map(gross), self.line(*l).gross);
            let ours = self.sum(open.iter().map(booked), self.entry(*e).gross);
            let same = matches!((theirs, ours), (Ok((a, _)), Ok((b, _))) if a == b);
            if same {
                pairs.push((std::mem::take(&mut kept), std::mem::take(&mut open)));
            } else {
                for n in std::mem::take(&mut kept) {
                    let kind = self.line(n).kind;
                    let at = open.iter().position(|e| self.entry(*e).kind == kind).or(if open.is_empty() {
                        None
                    } else {
                        Some(0)
                    });
                    match at {
                        Some(at) => pairs.push((vec![n], vec![open.remove(at)])),
                        None => kept.push(n),
                    }
                }
            }
        }

        // fees that stand on lines of their own belong to the payment of the same fee, else to the first
        for n in fees {
            let fee = self.line(n).fee;
            let lacking = |pair: &(Vec<usize>, Vec<usize>)| {
                let theirs: i64 = pair.0.iter().map(|l| self.line(*l).fee.minor).sum();
                let ours: i64 = pair.1.iter().map(|e| self.entry(*e).fee.minor).sum();
                ours.saturating_sub(theirs)
            };
            let own = pairs.iter().position(|p| lacking(p) == fee.minor);
            let some = own.or_else(|| pairs.iter().position(|p| lacking(p) != 0));
            if let Some(at) = some.or(if pairs.is_empty() { None } else { Some(0) }) {
                pairs[at].0.push(n);
            }
        }
        for (lines, entries) in pairs {
            let single = lines.len() == 1 && entries.len() == 1;
            let reason = if single { MatchReason::Reference } else { MatchReason::ReferenceSum };
            self.matched(reason, lines, entries);
        }
    }
}
