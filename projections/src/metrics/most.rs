//! What one question to the journal may take.

use std::ops::ControlFlow;
use std::time::Instant;

use super::Cell;
use crate::engine::ReadModelError;

/// What one question to the journal may take.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    /// Memory of what it rests on, bytes, about.
    pub bytes: usize,
    /// Cells of the answer: who asks by page and by search term may get one for each view.
    pub cells: usize,
    /// Memory of these, bytes, about: a page's path may be long.
    pub answer: usize,
    /// Until when.
    pub until: Option<Instant>,
}

impl Most {
    /// Whether the time is over.
    pub(crate) fn is_late(self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// Refuses more cells than there may be.
    pub(crate) fn hold(self, cells: usize) -> Result<(), ReadModelError> {
        if cells <= self.cells {
            return Ok(());
        }
        Err(ReadModelError::BadQuestion(format!(
            "the answer has more than {} rows: ask by less, or about fewer days",
            self.cells
        )))
    }
}

impl Default for Most {
    /// What a command may take that nobody else waits for.
    fn default() -> Self {
        Self { bytes: 2 << 30, cells: 4_000_000, answer: 2 << 30, until: None }
    }
}

/// Bytes of memory that a cell takes under words of so many bytes each, about.
pub(super) fn cell_bytes(words: impl Iterator<Item = usize>) -> usize {
    size_of::<(Vec<String>, Cell)>() + words.map(|word| size_of::<String>() + word).sum::<usize>()
}

/// The cells of an answer while they are put together.
pub(super) struct Answer {
    most: Most,
    cells: usize,
    bytes: usize,
}

impl Answer {
    pub(super) const fn within(most: Most) -> Self {
        Self { most, cells: 0, bytes: 0 }
    }

    /// One more cell, under words of so many bytes each.
    pub(super) fn take(&mut self, words: impl Iterator<Item = usize>) -> Result<(), ReadModelError> {
        (self.cells, self.bytes) = (self.cells + 1, self.bytes + cell_bytes(words));
        self.most.hold(self.cells)?;
        if self.bytes <= self.most.answer {
            return Ok(());
        }
        Err(ReadModelError::BadQuestion(format!(
            "the rows of the answer take more than {} MiB of memory: ask by less, or about fewer days",
            self.most.answer >> 20
        )))
    }
}

/// Events between two looks at memory.
const EVERY: u64 = 65_536;

/// How much memory a fold takes, looked at from time to time.
pub(super) struct Memory {
    most: usize,
    events: u64,
    full: bool,
}

impl Memory {
    pub(super) const fn of(most: Most) -> Self {
        Self { most: most.bytes, events: 0, full: false }
    }

    /// One more event was folded; a break where what it was folded into takes too much.
    pub(super) fn took(&mut self, bytes: impl FnOnce() -> usize) -> ControlFlow<()> {
        self.events += 1;
        self.full = self.events.is_multiple_of(EVERY) && bytes() > self.most;
        if self.full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Whether there was no more room.
    pub(super) const fn is_over(&self, bytes: usize) -> bool {
        self.full || bytes > self.most
    }

    /// All were folded, or there was no more room: refuses then, saying what it was that takes so much, and the cure.
    pub(super) fn end(self, bytes: usize, what: &str, cure: &str) -> Result<(), ReadModelError> {
        if !self.is_over(bytes) {
            return Ok(());
        }
        let why = format!("{what} take more than {} MiB of memory: {cure}", self.most >> 20);
        Err(ReadModelError::BadQuestion(why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fold_ends_at_the_next_look_once_it_takes_too_much_and_is_refused_then() {
        let mut memory = Memory::of(Most { bytes: 2 << 20, ..Most::default() });
        let folded = (1..=u64::MAX).find(|_| memory.took(|| 3 << 20).is_break());
        assert_eq!(folded, Some(EVERY));
        // nobody has to say again how much it was
        let refused = memory.end(0, "the hits", "ask about fewer days").err();
        let why = "the hits take more than 2 MiB of memory: ask about fewer days";
        assert_eq!(refused.map(|error| error.to_string()).as_deref(), Some(why));
        let few = Memory::of(Most { bytes: 2 << 20, ..Most::default() });
        assert!(few.end(2 << 20, "the hits", "ask about fewer days").is_ok());
    }
}
