//! A pass over the journal in stretches, each on a thread of its own: for models that can be folded so.

use std::sync::atomic::{AtomicUsize, Ordering};

use daybook_journal::{Journal, Position};

use super::error::ReadModelError;
use super::rebuild::{Folded, Look, bytes, fold};
use super::runner::Runner;

/// Fewest events of a stretch: below, a thread is not worth its start.
const LEAST: Position = 50_000;
/// Most stretches. Each has its own names of things until they are joined.
const MOST: u64 = 4;

/// A stretch after the first.
pub(super) struct Later {
    after: Position,
    /// None of the last, which ends at the head.
    upto: Option<Position>,
    runners: Vec<Box<dyn Runner>>,
}

/// What became of a stretch.
enum Folding {
    Through(Position, Vec<Box<dyn Runner>>),
    /// There was no memory for it beside the others.
    GivenUp,
}

/// Cuts a journal of so many events into stretches, one for each core; none where it is short or a model needs its
/// events in order.
pub(super) fn cut(events: Position, runners: &Folded<'_>) -> Option<Vec<Later>> {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let n = (events / LEAST).min(cores).min(MOST);
    let later = (1..n).map(|at| {
        let end = |at: u64| events / n * at;
        let runners = runners.iter().map(|runner| runner.later()).collect::<Option<_>>()?;
        Some(Later { after: end(at), upto: (at + 1 < n).then(|| end(at + 1)), runners })
    });
    later.collect::<Option<Vec<_>>>().filter(|later| !later.is_empty())
}

/// Folds the first stretch here and the later ones beside it, and joins them. Where rows of all would take more than
/// `row_bytes`, the later ones are given up and their events are folded here.
pub(super) fn fold_beside(
    journal: &dyn Journal,
    runners: &mut Folded<'_>,
    later: Vec<Later>,
    row_bytes: usize,
    look: Look<'_>,
) -> Result<Position, ReadModelError> {
    let taken: Vec<AtomicUsize> = (0..=later.len()).map(|_| AtomicUsize::new(0)).collect();
    let fits = |of: usize, bytes: usize| {
        taken[of].store(bytes, Ordering::Relaxed);
        taken.iter().map(|bytes| bytes.load(Ordering::Relaxed)).sum::<usize>() <= row_bytes
    };
    let first = later.first().map_or(0, |stretch| stretch.after);
    let times = later.len() as u64 + 1;
    std::thread::scope(|scope| {
        let folding: Vec<_> = later
            .into_iter()
            .enumerate()
            .map(|(at, stretch)| {
                let (after, fits) = (stretch.after, &fits);
                let thread = std::thread::Builder::new().name("rebuild-folder".into());
                (
                    after,
                    thread.spawn_scoped(scope, move || stretch.fold(journal, &|bytes| fits(at + 1, bytes))),
                )
            })
            .collect();
        let (mut through, _) = fold(journal, runners, (0, Some(first)), &mut |runners, done| {
            fits(0, bytes(runners));
            look(runners, done.saturating_mul(times)) // the others are about as far
        })?;
        for (after, thread) in folding {
            let thread = thread
                .map_err(|e| ReadModelError::BadQuestion(format!("the system gives no thread: {e}")))?;
            let folded = thread.join().expect("invariant: folding does not panic")?;
            if through < after {
                continue; // it ended before
            }
            match folded {
                Folding::Through(position, folded) => {
                    runners.iter_mut().zip(folded).for_each(|(runner, later)| runner.join(later));
                    through = position;
                }
                Folding::GivenUp => {
                    (through, _) = fold(journal, runners, (after, None), look)?;
                    break;
                }
            }
        }
        Ok(through)
    })
}

impl Later {
    fn fold(
        mut self,
        journal: &dyn Journal,
        fits: &dyn Fn(usize) -> bool,
    ) -> Result<Folding, ReadModelError> {
        let mut own: Vec<&mut Box<dyn Runner>> = self.runners.iter_mut().collect();
        let mut full = false;
        let (through, _) = fold(journal, &mut own, (self.after, self.upto), &mut |runners, _| {
            full = !fits(bytes(runners));
            !full
        })?;
        if full {
            drop(self.runners);
            fits(0);
            return Ok(Folding::GivenUp);
        }
        Ok(Folding::Through(through, self.runners))
    }
}

#[cfg(test)]
mod tests {
    use daybook_journal::MemoryJournal;

    use super::*;
    use crate::engine::runner::Children;
    use crate::engine::testing::visits;
    use crate::models;

    fn traffic() -> Vec<Box<dyn Runner>> {
        models::selected(&["traffic_days"], Children::Hash).unwrap()
    }

    fn later(ends: &[Position], journal: &MemoryJournal) -> Vec<Later> {
        let upto = |end: Position| (end < journal.head().unwrap()).then_some(end);
        ends.windows(2)
            .map(|ends| Later { after: ends[0], upto: upto(ends[1]), runners: traffic() })
            .collect()
    }

    /// How far it came, and digests of what it made.
    fn folded(journal: &MemoryJournal, ends: &[Position], row_bytes: usize) -> (Position, String) {
        let mut runners = traffic();
        let mut own: Vec<_> = runners.iter_mut().collect();
        let later = later(ends, journal);
        let through = fold_beside(journal, &mut own, later, row_bytes, &mut |_, _| true).unwrap();
        (through, format!("{:?}", runners[0].digests()))
    }

    #[test]
    fn stretches_joined_are_the_journal_folded_in_one() {
        let journal = visits(12_000);
        let head = journal.head().unwrap();
        let mut whole = traffic();
        let mut own: Vec<_> = whole.iter_mut().collect();
        fold(&journal, &mut own, (0, None), &mut |_, _| true).unwrap();
        let whole = (head, format!("{:?}", whole[0].digests()));
        assert_eq!(folded(&journal, &[head / 2, head], usize::MAX), whole);
        assert_eq!(folded(&journal, &[1, 7, head - 1, head], usize::MAX), whole);
        // no memory for both: the events of the later one are folded after the first
        assert_eq!(folded(&journal, &[head / 2, head], 1), whole);
    }

    #[test]
    fn what_follows_an_early_end_is_left_out() {
        let journal = visits(12_000);
        let head = journal.head().unwrap();
        let mut runners = traffic();
        let mut own: Vec<_> = runners.iter_mut().collect();
        let ended =
            fold_beside(&journal, &mut own, later(&[9_000, head], &journal), usize::MAX, &mut |_, _| false);
        assert_eq!(ended.unwrap(), 4_096);
        let mut short = traffic();
        let mut own: Vec<_> = short.iter_mut().collect();
        fold(&journal, &mut own, (0, Some(4_096)), &mut |_, _| true).unwrap();
        assert_eq!(format!("{:?}", runners[0].digests()), format!("{:?}", short[0].digests()));
    }

    #[test]
    fn a_model_that_needs_its_events_in_order_is_not_cut() {
        let mut traffic = traffic();
        let mut orders = models::selected(&["orders"], Children::Hash).unwrap();
        let cores = std::thread::available_parallelism().map_or(1, usize::from).min(4);
        let cut_of = |runners: &mut Vec<Box<dyn Runner>>, events| {
            let own: Vec<_> = runners.iter_mut().collect();
            cut(events, &own).map(|later| later.len() + 1)
        };
        assert_eq!(cut_of(&mut orders, 10_000_000), None);
        assert_eq!(cut_of(&mut traffic, LEAST), None);
        assert_eq!(cut_of(&mut traffic, 10_000_000), (cores > 1).then_some(cores));
    }
}
