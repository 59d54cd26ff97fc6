//! A pass over the journal in stretches, each on a thread of its own: for models that can be folded so.
//!
//! The first stretch is folded here and the others beside it; then they are joined in order. Rows of all together stay
//! within the bound of a build: where they would not, the others are let go of and this thread goes on alone, as it does where
//! the system gives no threads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use daybook_journal::{Journal, Position};
use parking_lot::Mutex;

use super::error::ReadModelError;
use super::rebuild::{Folded, Look, bytes, fold};
use super::runner::Runner;

/// Fewest events of a stretch: below, a thread is not worth its start.
pub(super) const LEAST: Position = 50_000;
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
type Ended = Result<(Position, Vec<Box<dyn Runner>>), ReadModelError>;

/// What the threads know of each other.
struct Room {
    /// Bytes of each stretch's rows.
    taken: Vec<AtomicUsize>,
    row_bytes: usize,
    /// The first goes on alone.
    alone: AtomicBool,
    /// Of those after the first; none of one that is under way or was let go of.
    ended: Vec<Mutex<Option<Ended>>>,
}

/// Cuts a journal of so many events into stretches of at least so many, one for each core up to a few; none where it is
/// short or a model needs its events in order.
pub(super) fn cut(events: Position, least: Position, runners: &Folded<'_>) -> Option<Vec<Later>> {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    cut_into((events / least).min(cores).min(MOST), events, runners)
}

fn cut_into(n: u64, events: Position, runners: &Folded<'_>) -> Option<Vec<Later>> {
    let later = (1..n).map(|at| {
        let end = |at: u64| events / n * at;
        let runners = runners.iter().map(|runner| runner.later()).collect::<Option<_>>()?;
        Some(Later { after: end(at), upto: (at + 1 < n).then(|| end(at + 1)), runners })
    });
    later.collect::<Option<Vec<_>>>().filter(|later| !later.is_empty())
}

/// Folds the first stretch here and the later ones beside it, and joins them. Returns how far that came.
pub(super) fn fold_beside(
    journal: &dyn Journal,
    runners: &mut Folded<'_>,
    later: Vec<Later>,
    row_bytes: usize,
    look: Look<'_>,
) -> Result<Position, ReadModelError> {
    let room = Room {
        taken: (0..=later.len()).map(|_| AtomicUsize::new(0)).collect(),
        row_bytes,
        alone: AtomicBool::new(false),
        ended: later.iter().map(|_| Mutex::default()).collect(),
    };
    let begins: Vec<Position> = later.iter().map(|stretch| stretch.after).collect();
    let first = begins.first().copied();
    let times = later.len() as u64 + 1;
    let mut through = std::thread::scope(|scope| {
        for (at, stretch) in later.into_iter().enumerate() {
            let room = &room;
            let thread = std::thread::Builder::new().name("rebuild-folder".into());
            let started = thread.spawn_scoped(scope, move || {
                let ended = stretch.fold(journal, &|bytes| room.fits(at + 1, bytes));
                room.keep(at, ended);
            });
            if started.is_err() {
                room.go_alone();
            }
        }
        let folded = fold(journal, runners, (0, first), &mut |runners, done| {
            let together = room.fits(0, bytes(runners));
            // the others are about as far
            look(runners, if together { done.saturating_mul(times) } else { done })
        });
        if !matches!(folded, Ok((through, _)) if Some(through) == first) {
            room.go_alone(); // it ended before, and nothing follows
        }
        folded.map(|(through, _)| through)
    })?;
    for (at, after) in begins.into_iter().enumerate() {
        if through < after {
            break; // it ended before
        }
        // what is under way was waited for: nothing is left of one that was let go of
        let Some(ended) = room.ended[at].lock().take() else {
            return fold(journal, runners, (after, None), look).map(|(through, _)| through);
        };
        let (position, folded) = ended?;
        runners.iter_mut().zip(folded).for_each(|(runner, later)| runner.join(later));
        through = position;
        if !look(runners, through) {
            break;
        }
    }
    Ok(through)
}

impl Room {
    /// Whether a stretch may go on with so many bytes.
    fn fits(&self, of: usize, bytes: usize) -> bool {
        self.taken[of].store(bytes, Ordering::Relaxed);
        let all: usize = self.taken.iter().map(|bytes| bytes.load(Ordering::Relaxed)).sum();
        if all > self.row_bytes {
            self.go_alone();
        }
        !self.alone.load(Ordering::Relaxed)
    }

    /// Lets go of all but the first.
    fn go_alone(&self) {
        self.alone.store(true, Ordering::Relaxed);
        self.ended.iter().for_each(|ended| drop(ended.lock().take()));
    }

    /// Keeps what became of a stretch, unless it is let go of.
    fn keep(&self, at: usize, ended: Option<Ended>) {
        let mut kept = self.ended[at].lock();
        if !self.alone.load(Ordering::Relaxed) {
            *kept = ended;
        }
    }
}

impl Later {
    /// None where it may not go on.
    fn fold(mut self, journal: &dyn Journal, fits: &dyn Fn(usize) -> bool) -> Option<Ended> {
        let mut own: Vec<&mut Box<dyn Runner>> = self.runners.iter_mut().collect();
        let mut full = false;
        let folded = fold(journal, &mut own, (self.after, self.upto), &mut |runners, _| {
            full = !fits(bytes(runners));
            !full
        });
        full |= !fits(bytes(&own));
        if full { None } else { Some(folded.map(|(through, _)| (through, self.runners))) }
    }
}

#[cfg(test)]
mod tests {
    use daybook_journal::MemoryJournal;

    use super::*;
    use crate::engine::runner::Children;
    use crate::engine::testing::{spoilt, visits};
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

    /// As [`folded`], in one.
    fn whole(journal: &MemoryJournal) -> (Position, String) {
        let mut whole = traffic();
        let mut own: Vec<_> = whole.iter_mut().collect();
        let (through, _) = fold(journal, &mut own, (0, None), &mut |_, _| true).unwrap();
        (through, format!("{:?}", whole[0].digests()))
    }

    #[test]
    fn stretches_joined_are_the_journal_folded_in_one() {
        let journal = visits(12_000);
        let head = journal.head().unwrap();
        let whole = whole(&journal);
        assert_eq!(folded(&journal, &[head / 2, head], usize::MAX), whole);
        assert_eq!(folded(&journal, &[1, 7, head - 1, head], usize::MAX), whole);
        // no memory for all: the events of the later ones are folded after the first
        assert_eq!(folded(&journal, &[head / 2, head], 1), whole);
        assert_eq!(folded(&journal, &[4_096, 4_100, 9_000, head], 1), whole);
    }

    #[test]
    fn a_journal_is_cut_without_a_gap_or_an_overlap() {
        let journal = visits(12_000);
        let head = journal.head().unwrap();
        for n in 2..=5 {
            let mut runners = traffic();
            let mut own: Vec<_> = runners.iter_mut().collect();
            let later = cut_into(n, head, &own).unwrap();
            let ends: Vec<_> = later.iter().map(|later| later.upto).collect();
            let begins: Vec<_> = later.iter().skip(1).map(|later| Some(later.after)).chain([None]).collect();
            assert_eq!((ends, later.len() as u64), (begins, n - 1));
            let through = fold_beside(&journal, &mut own, later, usize::MAX, &mut |_, _| true).unwrap();
            assert_eq!((through, format!("{:?}", runners[0].digests())), whole(&journal));
        }
    }

    #[test]
    fn an_event_that_cannot_be_read_ends_the_pass_where_it_stands_however_it_is_cut() {
        let journal = spoilt(12_000, 7_000);
        let head = journal.head().unwrap();
        let before = whole(&journal);
        assert_eq!(before.0, 6_999);
        for ends in [&[6_000, head][..], &[6_999, head], &[7_000, head], &[3_000, 9_000, head]] {
            assert_eq!(folded(&journal, ends, usize::MAX), before, "{ends:?}");
        }
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
            cut(events, LEAST, &own).map(|later| later.len() + 1)
        };
        assert_eq!(cut_of(&mut orders, 10_000_000), None);
        assert_eq!(cut_of(&mut traffic, LEAST), None);
        assert_eq!(cut_of(&mut traffic, 10_000_000), (cores > 1).then_some(cores));
    }
}
