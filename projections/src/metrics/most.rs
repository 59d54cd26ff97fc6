//! What one question to the journal may take.

use std::time::Instant;

use crate::engine::ReadModelError;

/// What one question to the journal may take.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    /// Memory of what it rests on, bytes, about.
    pub bytes: usize,
    /// Cells of the answer: who asks by page and by search term may get one for each view.
    pub cells: usize,
    /// Until when.
    pub until: Option<Instant>,
}

impl Most {
    /// Whether the time is over.
    pub(super) fn is_late(self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// Refuses more cells than there may be.
    pub(super) fn hold(self, cells: usize) -> Result<(), ReadModelError> {
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
        Self { bytes: 2 << 30, cells: 4_000_000, until: None }
    }
}
