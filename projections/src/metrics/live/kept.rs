//! What is kept of the days that a question is about, read and not yet put together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use daybook_metrics::counting::KeptSets;
use daybook_metrics::sessions::Day;

use super::Group;
use super::parts::Part;
use crate::engine::ReadModelError;
use crate::engine::traffic::bad_set;
use crate::metrics::most::Most;

/// Rows between two looks at the time.
const EVERY: usize = 1_024;

/// Bytes of sets that lie in one piece, at least: what grew would be copied again and again.
const PIECE: usize = 4 << 20;

/// Where the bytes of a set lie.
#[derive(Clone, Copy)]
pub(crate) struct Set {
    piece: usize,
    from: usize,
    to: usize,
}

/// The bytes of sets.
#[derive(Default)]
struct Sets {
    pieces: Vec<Vec<u8>>,
    /// What they take, with the ends of pieces that the next set had no room in.
    len: usize,
}

impl Sets {
    fn take(&mut self, bytes: &[u8]) -> Set {
        if self.pieces.is_empty() || self.room() < bytes.len() {
            self.len += self.room();
            self.pieces.push(Vec::with_capacity(PIECE.max(bytes.len())));
        }
        self.len += bytes.len();
        let piece = self.pieces.len() - 1;
        let last = &mut self.pieces[piece];
        let from = last.len();
        last.extend_from_slice(bytes);
        Set { piece, from, to: last.len() }
    }

    fn get(&self, Set { piece, from, to }: Set) -> &[u8] {
        &self.pieces[piece][from..to]
    }

    /// What is free of the last piece.
    fn room(&self) -> usize {
        self.pieces.last().map_or(0, |last| last.capacity() - last.len())
    }

    /// Takes others; by how many pieces they lie further back now.
    fn join(&mut self, others: Self) -> usize {
        let before = self.pieces.len();
        self.len += self.room() + others.len;
        self.pieces.extend(others.pieces);
        before
    }
}

/// A kept cell of traffic.
pub(crate) struct KeptTraffic {
    pub group: Group,
    pub day: Day,
    pub word: u32,
    pub part: Part,
    pub visitors: Set,
    pub bouncers: Set,
}

/// A kept cell of sales in the currency asked for.
pub(crate) struct KeptSales {
    pub group: Group,
    pub day: Day,
    pub word: u32,
    pub orders: i64,
    pub order_value: i64,
    pub gmv: i64,
    pub refunded: i64,
    pub buyers: Set,
}

/// What is kept of the days asked for.
#[derive(Default)]
pub(crate) struct Kept {
    pub traffic: Vec<KeptTraffic>,
    pub sales: Vec<KeptSales>,
    /// How many of these, from the first on, tell what all cells come to and no cell: months, where the cells are days. None
    /// where the cells' own rows tell that too.
    pub apart: Option<(usize, usize)>,
    sets: Sets,
    /// Bytes that this takes with what is read beside it, as of the last looks.
    held: Arc<AtomicUsize>,
    /// Of these, its own.
    own: usize,
}

impl Kept {
    /// For what is read on another thread, within the same bounds.
    pub(crate) fn beside(&self) -> Self {
        Self { held: Arc::clone(&self.held), ..Self::default() }
    }

    /// Takes what was read [beside](Self::beside) it.
    pub(crate) fn join(&mut self, other: Self) {
        let before = self.sets.join(other.sets);
        let moved = |set: Set| Set { piece: set.piece + before, ..set };
        self.traffic.extend(other.traffic.into_iter().map(|row| KeptTraffic {
            visitors: moved(row.visitors),
            bouncers: moved(row.bouncers),
            ..row
        }));
        self.sales.extend(other.sales.into_iter().map(|row| KeptSales { buyers: moved(row.buyers), ..row }));
        self.own += other.own;
    }

    /// Takes the bytes of a set.
    pub(crate) fn set(&mut self, bytes: &[u8]) -> Set {
        self.sets.take(bytes)
    }

    /// Refuses more than one question may rest on; once in a while looks at the time.
    pub(crate) fn hold(&mut self, most: Most) -> Result<(), ReadModelError> {
        let rows = self.rows();
        if rows.is_multiple_of(EVERY) && most.is_late() {
            return Err(late(rows));
        }
        let of = |rows: usize, row: usize, sets: usize| rows * (row + sets * size_of::<Set>());
        let traffic = of(self.traffic.len(), size_of::<KeptTraffic>(), 2);
        let bytes = self.sets.len + traffic + of(self.sales.len(), size_of::<KeptSales>(), 1);
        let more = bytes - std::mem::replace(&mut self.own, bytes); // nothing is given back
        if self.held.fetch_add(more, Ordering::Relaxed) + more <= most.bytes {
            return Ok(());
        }
        Err(ReadModelError::BadQuestion(format!(
            "the figures kept by day that this rests on take more than {} MiB of memory: ask about fewer days",
            most.bytes >> 20
        )))
    }

    /// What the sets take.
    pub(crate) const fn bytes_of_sets(&self) -> usize {
        self.sets.len
    }

    pub(crate) fn rows(&self) -> usize {
        self.traffic.len() + self.sales.len()
    }

    pub(crate) fn sets<'k>(&'k self, all: &[Set]) -> Result<KeptSets<'k>, ReadModelError> {
        let mut sets = KeptSets::default();
        for set in all {
            sets.add(self.sets.get(*set)).map_err(|why| bad_set(&why))?;
        }
        Ok(sets)
    }
}

/// The time was over after so many rows.
pub(crate) fn late(rows: usize) -> ReadModelError {
    ReadModelError::LateKept { rows: rows as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_come_back_whichever_piece_they_lie_in_and_all_that_they_take_is_counted() {
        let mut sets = Sets::default();
        let lengths = [3, 0, PIECE / 2 + 1, PIECE / 2 + 1, PIECE + 7, 5];
        let all: Vec<Vec<u8>> = lengths.into_iter().zip(0u8..).map(|(len, n)| vec![n; len]).collect();
        let taken: Vec<Set> = all.iter().map(|bytes| sets.take(bytes)).collect();
        for (bytes, set) in all.iter().zip(&taken) {
            assert!(sets.get(*set) == bytes.as_slice());
        }
        assert_eq!(sets.pieces.len(), 4);
        let held = |sets: &Sets| sets.pieces.iter().map(Vec::capacity).sum::<usize>();
        assert!(held(&sets) - sets.len < PIECE, "{} of {}", sets.len, held(&sets));

        let mut first = Sets::default();
        let own = first.take(&[7; 9]);
        let before = first.join(sets);
        for (bytes, set) in all.iter().zip(taken) {
            assert!(first.get(Set { piece: set.piece + before, ..set }) == bytes.as_slice());
        }
        let next = first.take(&[8; 9]);
        assert!(first.get(own) == [7; 9] && first.get(next) == [8; 9]);
        assert!(held(&first) - first.len < PIECE, "{} of {}", first.len, held(&first));
    }

    #[test]
    fn what_is_read_on_two_threads_is_held_within_one_bound() {
        let most = Most { bytes: 3 * PIECE, ..Most::default() };
        let mut first = Kept::default();
        let mut second = first.beside();
        for kept in [&mut first, &mut second] {
            kept.set(&vec![1; PIECE]);
            assert!(kept.hold(most).is_ok());
        }
        second.set(&vec![2; PIECE]);
        assert!(second.hold(most).is_ok());
        first.set(&vec![3; PIECE]);
        assert!(first.hold(most).is_err(), "both together");
        first.join(second);
        assert!(first.hold(most).is_err() && first.hold(Most { bytes: 4 * PIECE, ..most }).is_ok());
    }
}
