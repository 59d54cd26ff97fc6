//! Lines of a statement beside entries of the books.
//!
//! Four passes, each over what the one before left: what names the same reference (`by_reference`); the same amount near in
//! time, one to one (`by_amount`); at a bank, sums of a few (`by_sum`); and what is left, as breaks. Every pass goes by the order of
//! the file and of the journal, so the same input gives the same result; a line and an entry are used once.

mod by_amount;
mod by_reference;
mod by_sum;
mod left;

pub use by_reference::naming_words;
use daybook_domain::provider::events::{BreakKind, MatchReason};
use daybook_domain::time::DAY;
use daybook_domain::{Money, MoneyError, Timestamp};

use crate::books::Entry;
use crate::{Finding, Line, LineKind, Side};

/// What is laid side by side.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Who wrote the statement.
    pub side: Side,
    /// Lines of the statement, and after them lines of earlier ones that the books lacked then.
    pub lines: &'a [Line],
    /// How many of the lines are of earlier statements.
    pub earlier: usize,
    /// How many of these, the last of them, are one more of what is there already: a reference alone may match them.
    pub named_only: usize,
    /// Entries of the books at this provider or bank.
    pub entries: &'a [Entry],
    /// What is known of each entry.
    pub known: &'a [Known],
    /// Entries at other providers and banks.
    pub elsewhere: &'a [Entry],
    /// What in the file does not agree with itself.
    pub findings: &'a [Finding],
    /// Where the period begins that statements of this provider cover, this one and those before it.
    pub from: Timestamp,
    /// Where it ends, not part of it.
    pub to: Timestamp,
    /// How far apart in time a match may lie, in microseconds.
    pub window: i64,
}

/// What is known of an entry from earlier statements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Known {
    /// Nothing.
    #[default]
    New,
    /// An earlier statement has it.
    Taken,
    /// An earlier statement should have had it: an open break.
    Missed,
    /// Nothing is missing where the statement lacks it: it is before all that statements of this format cover, or was
    /// dealt with.
    Settled,
}

/// Lines and entries that are the same money; by their number in the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// Why.
    pub reason: MatchReason,
    /// Lines.
    pub lines: Vec<usize>,
    /// Entries.
    pub entries: Vec<usize>,
}

/// Something that does not agree; lines and entries by their number in the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// What sort of disagreement.
    pub kind: BreakKind,
    /// The difference, or what is missing, as a change of the balance there.
    pub amount: Money,
    /// When the money moved.
    pub since: Timestamp,
    /// Lines.
    pub lines: Vec<usize>,
    /// Entries.
    pub entries: Vec<usize>,
    /// In words.
    pub detail: String,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Matches, in the order of their first line.
    pub matches: Vec<Match>,
    /// Breaks: with their match first, then what is left.
    pub breaks: Vec<Break>,
    /// Entries that a later statement may still bring: younger than the window at the end of the period.
    pub waiting: Vec<usize>,
    /// Lines and entries of a bank that lie near too many others for a sum of a few to mean anything: none was looked for.
    pub untried: usize,
}

/// Lays one side beside the other.
#[must_use]
pub fn reconcile(input: &Input<'_>) -> Outcome {
    let mut work = Work {
        input,
        line_used: vec![false; input.lines.len()],
        entry_used: input.known.iter().map(|k| *k == Known::Taken).collect(),
        out: Outcome::default(),
    };
    work.by_reference();
    work.by_amount();
    if input.side == Side::Bank {
        work.by_sums();
    }
    work.left();
    let mut out = work.out;
    out.matches.sort_by_key(|m| m.lines.iter().min().copied());
    out
}

struct Work<'a> {
    input: &'a Input<'a>,
    line_used: Vec<bool>,
    entry_used: Vec<bool>,
    out: Outcome,
}

impl Work<'_> {
    fn line(&self, n: usize) -> &Line {
        &self.input.lines[n]
    }
    fn entry(&self, n: usize) -> &Entry {
        &self.input.entries[n]
    }

    /// Writes a match down, and what of it does not agree.
    fn matched(&mut self, reason: MatchReason, mut lines: Vec<usize>, mut entries: Vec<usize>) {
        lines.sort_unstable();
        entries.sort_unstable();
        lines.iter().for_each(|n| self.line_used[*n] = true);
        entries.iter().for_each(|n| self.entry_used[*n] = true);
        self.compare(&lines, &entries);
        self.out.matches.push(Match { reason, lines, entries });
    }

    fn found(&mut self, kind: BreakKind, amount: Money, lines: &[usize], entries: &[usize], detail: String) {
        let times = lines.iter().map(|n| self.line(*n).at).chain(entries.iter().map(|n| self.entry(*n).at));
        let since = times.min().unwrap_or(self.input.from);
        let (lines, entries) = (lines.to_vec(), entries.to_vec());
        self.out.breaks.push(Break { kind, amount, since, lines, entries, detail });
    }

    /// What does not agree within a match: currency, amount and direction, fee, what it is called, when it was.
    fn compare(&mut self, lines: &[usize], entries: &[usize]) {
        let (first, entry) = (self.line(lines[0]), self.entry(entries[0]));
        let theirs = self.sum(lines.iter().map(|n| (self.line(*n).gross, self.line(*n).fee)), first.gross);
        let ours = self.sum(entries.iter().map(|n| (self.entry(*n).gross, self.entry(*n).fee)), entry.gross);
        // the line that says what it is: not the fee's
        let main = lines.iter().find(|n| self.line(**n).kind != LineKind::Fee).unwrap_or(&lines[0]);
        let (called, booked) = (self.line(*main).kind, entry.kind);
        let (theirs, ours) = match (theirs, ours) {
            (Ok(theirs), Ok(ours)) if theirs.0.currency == ours.0.currency => (theirs, ours),
            (theirs, ours) => {
                let say = |sum: Result<(Money, Money), MoneyError>| match sum {
                    Ok((gross, _)) => gross.to_string(),
                    Err(error) => format!("amounts that make no sum ({error})"),
                };
                let detail = format!("the statement has {}, the books have {}", say(theirs), say(ours));
                self.found(BreakKind::Currency, first.gross, lines, entries, detail);
                return;
            }
        };
        let ((gross, fee), (our_gross, our_fee)) = (theirs, ours);
        // a bank keeps its fee within the amount or beside it
        let net = |a: Money, b: Money| a.minor.saturating_sub(b.minor);
        let whole = self.input.side == Side::Bank && net(gross, fee) == net(our_gross, our_fee);
        if gross != our_gross && !whole {
            let off = Money::new(net(gross, our_gross), gross.currency);
            if gross.minor == our_gross.minor.saturating_neg() {
                let detail = format!("the statement has {gross}, the books have {our_gross}");
                self.found(BreakKind::Reversed, off, lines, entries, detail);
            } else {
                let detail = format!("the statement has {gross}, the books have {our_gross}: {off} apart");
                self.found(BreakKind::Amount, off, lines, entries, detail);
            }
        } else if fee != our_fee && !whole {
            let off = Money::new(net(our_fee, fee), fee.currency);
            let detail = format!("the statement keeps a fee of {fee}, the books have {our_fee}");
            self.found(BreakKind::Fee, off, lines, entries, detail);
        }
        if self.input.side == Side::Provider && called != booked && called != LineKind::Other {
            let detail = format!("the statement calls it {called}, the books have it as {booked}");
            self.found(BreakKind::Kind, gross, lines, entries, detail);
        }
        let apart = lines
            .iter()
            .flat_map(|l| entries.iter().map(move |e| (*l, *e)))
            .map(|(l, e)| self.apart(l, e))
            .max()
            .unwrap_or(0);
        if apart > self.input.window {
            let detail =
                format!("{} days apart, where the window is {}", apart / DAY, days(self.input.window));
            self.found(BreakKind::Late, gross, lines, entries, detail);
        }
    }

    /// Sums of gross and fee, where all are of one currency.
    fn sum(
        &self,
        mut of: impl Iterator<Item = (Money, Money)>,
        first: Money,
    ) -> Result<(Money, Money), MoneyError> {
        let zero = Money::zero(first.currency);
        of.try_fold((zero, zero), |total, (gross, fee)| Ok((total.0.add(gross)?, total.1.add(fee)?)))
    }

    /// How far apart in time a line and an entry are. A day without a time is any moment of it, in any zone.
    fn apart(&self, line: usize, entry: usize) -> i64 {
        let (line, entry) = (self.line(line), self.entry(entry));
        let apart = line.at.0.saturating_sub(entry.at.0);
        if !line.day_only {
            return apart.abs();
        }
        /// How far from UTC a wall clock may be.
        const ZONES: i64 = 14 * 3_600_000_000;
        if apart > 0 { (apart - ZONES).max(0) } else { (-apart - DAY - ZONES).max(0) }
    }

    /// How far apart in time they look, to tell which is the nearer: a day without a time is taken as UTC's.
    fn distance(&self, line: usize, entry: usize) -> i64 {
        let (line, entry) = (self.line(line), self.entry(entry));
        let after = entry.at.0.saturating_sub(line.at.0);
        if line.day_only && after > 0 { (after - DAY).max(0) } else { after.abs() }
    }
}

fn days(micros: i64) -> String {
    let hours = micros / (DAY / 24);
    if hours % 24 == 0 { format!("{} days", hours / 24) } else { format!("{hours} hours") }
}
