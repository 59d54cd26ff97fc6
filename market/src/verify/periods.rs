//! Closed periods: the trial balance that was signed at a close derives again.
//!
//! Entries are added up by the period in which they are booked, in this pass and not by the read models that made
//! the digest. A close says through which position its digest counts: between there and the close nothing may be
//! booked in what it closes, or the books that were signed are not those of the period.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;

use daybook_domain::books::events::PeriodClosed;
use daybook_domain::posting::Class;
use daybook_domain::{Currency, Event};
use daybook_journal::{Filter, Journal, Position};
use daybook_projections::queries::trial_digest;

use super::books::{Books, place};
use super::report::{Check, Report};
use super::{Group, Seen, VerifyError, decode};

/// A close whose digest is derived when the pass has come through `through`.
struct Close {
    /// Where it stands.
    position: Position,
    through: Position,
    until: i64,
}

/// A close that was derived, and what was booked in its period since its digest.
struct Derived {
    digest: String,
    until: i64,
    /// Entries that the digest does not count.
    left_out: u64,
    /// Position of the first of them.
    first: Position,
}

/// Debits and credits per class, name and currency, minor units.
type Sums = BTreeMap<(Class, &'static str, Currency), (i64, i64)>;

pub struct Periods {
    /// Closes still to come, by what they count.
    closes: VecDeque<Close>,
    /// Ends of periods, in order: entries are added up between them.
    ends: Vec<i64>,
    /// `sums[n]`: booked before `ends[n]` and not before the end before it.
    sums: Vec<Sums>,
    /// By the position of their close, until that is reached.
    derived: BTreeMap<Position, Derived>,
    open_from: i64,
    check: Check,
}

impl Periods {
    /// Finds the closes of a journal first: which entries to add up depends on when periods end.
    pub fn of(journal: &dyn Journal, head: Position) -> Result<Self, VerifyError> {
        let (mut closes, mut failed) = (Vec::new(), None);
        let only = Filter { kinds: Some(vec!["PeriodClosed".into()]), ..Filter::default() };
        journal.scan(0, Some(head), &only, &mut |stored| {
            match decode(&stored) {
                Ok((Event::PeriodClosed(e), _)) => {
                    let position = stored.position;
                    let through = e.through.unwrap_or(position.saturating_sub(1)).min(position);
                    closes.push(Close { position, through, until: e.until.0 });
                }
                Ok(_) => {}
                Err(error) => {
                    failed = Some(error);
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        let mut ends: Vec<i64> = closes.iter().map(|close| close.until).collect();
        ends.sort_unstable();
        ends.dedup();
        closes.sort_by_key(|close| close.through);
        Ok(Self {
            closes: closes.into(),
            sums: vec![Sums::default(); ends.len()],
            ends,
            derived: BTreeMap::new(),
            open_from: i64::MIN,
            check: Check::new(8, "the trial balance of every period derives as it was closed", "periods"),
        })
    }

    /// Derives the digests of all closes that count nothing from `position` on.
    fn derive_before(&mut self, position: Position) {
        while let Some(close) = self.closes.pop_front_if(|close| close.through < position) {
            let mut whole = Sums::default();
            for (end, sums) in self.ends.iter().zip(&self.sums) {
                if *end <= close.until {
                    for (key, (debit, credit)) in sums {
                        let cell = whole.entry(*key).or_default();
                        *cell = (cell.0.saturating_add(*debit), cell.1.saturating_add(*credit));
                    }
                }
            }
            let lines = whole.iter().map(|((class, name, currency), (debit, credit))| {
                (class.as_str(), *name, currency.as_str(), *debit, *credit)
            });
            let (digest, until) = (trial_digest(lines), close.until);
            self.derived.insert(close.position, Derived { digest, until, left_out: 0, first: 0 });
        }
    }

    /// What is wrong with a close.
    fn judge(&mut self, position: Position, e: &PeriodClosed) -> Option<String> {
        let Some(derived) = self.derived.remove(&position) else {
            return Some(format!(
                "period {} was closed by what comes after it: through {:?}",
                e.period, e.through
            ));
        };
        if derived.digest != e.digest.as_str() {
            let (period, digest) = (e.period, e.digest);
            return Some(format!(
                "period {period} was closed with digest {digest}, derived {}",
                derived.digest
            ));
        }
        let through = e.through.filter(|_| derived.left_out > 0)?;
        Some(format!(
            "period {} was closed by its books through position {through}, without {} entries of it booked before the \
             close, the first at position {}",
            e.period, derived.left_out, derived.first
        ))
    }
}

impl Group for Periods {
    fn see(&mut self, seen: &Seen<'_>, _: &Books) {
        let position = seen.recorded.position;
        self.derive_before(position);
        match seen.event {
            Event::PeriodClosed(e) => {
                self.open_from = self.open_from.max(e.until.0);
                let wrong = self.judge(position, e);
                self.check.look(|| place(seen.recorded), wrong);
            }
            Event::PeriodReopened(e) => {
                self.open_from = e.closed_until.map_or(i64::MIN, |until| until.0);
            }
            _ => {}
        }
        let booked_at = seen.recorded.occurred_at.max(self.open_from);
        for derived in self.derived.values_mut().filter(|derived| booked_at < derived.until) {
            if derived.left_out == 0 {
                derived.first = position;
            }
            derived.left_out += seen.entries.len() as u64;
        }
        let within = self.ends.partition_point(|end| *end <= booked_at);
        let Some(sums) = self.sums.get_mut(within) else { return };
        for entry in seen.entries {
            let cell =
                sums.entry((entry.account.class, entry.account.name, entry.amount.currency)).or_default();
            let side = if entry.amount.minor >= 0 { &mut cell.0 } else { &mut cell.1 };
            *side = side.saturating_add(entry.amount.minor.saturating_abs());
        }
    }

    fn finish(self: Box<Self>, _: &Books, report: &mut Report) {
        report.add(self.check);
    }
}
