//! Positions that are known to be an event's.
//!
//! The database reads from a position only where an event stands. A caller may ask from anywhere: behind what it has read,
//! between two events, or where an event was that it remembers from long ago. Reading then begins at the last position
//! before that one at which an event is known to stand, and what comes before is passed over.

use std::collections::BTreeSet;

use parking_lot::Mutex;

use crate::Position;

/// Most that are kept; of more, every other one is let go of.
const MOST: usize = 65_536;

#[derive(Default)]
pub(super) struct Marks(Mutex<BTreeSet<Position>>);

impl Marks {
    pub(super) fn add(&self, position: Position) {
        let mut all = self.0.lock();
        all.insert(position);
        if all.len() > MOST {
            let mut keep = false;
            all.retain(|_| {
                keep = !keep;
                keep
            });
        }
    }

    /// The last one that is not behind `position`; none: from the start.
    pub(super) fn before(&self, position: Position) -> Option<Position> {
        self.0.lock().range(..=position).next_back().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_mark_that_is_not_behind_is_found_also_when_many_were_let_go_of() {
        let marks = Marks::default();
        assert_eq!(marks.before(7), None);
        (1..=200_000).for_each(|n| marks.add(n * 10));
        assert!(marks.0.lock().len() <= MOST);
        assert_eq!(marks.before(9), None);
        for asked in [10, 15, 999_999, 2_000_000, u64::MAX] {
            let found = marks.before(asked).unwrap();
            assert!(found <= asked && found % 10 == 0, "{asked}: {found}");
        }
    }
}
