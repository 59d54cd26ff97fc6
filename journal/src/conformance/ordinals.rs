//! A journal whose positions are only ordered, seen as if they counted events: so that every case of the suite is run on it,
//! with the numbers it expects.
//!
//! Positions beyond the head stand for as many positions beyond it. One between two events, or before the first, has no
//! number: a journal that answers with one breaks a promise, and the case fails.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::{
    Append, Appending, Expected, Filter, Journal, JournalError, Load, Position, Receipt, Recorded, Scanned,
    Version, Visit,
};

/// The journal, and the positions of its events so far.
pub struct Ordinals {
    inner: Arc<dyn Journal>,
    known: Mutex<Vec<Position>>,
}

impl Ordinals {
    /// Of a journal.
    #[must_use]
    pub fn of(inner: Arc<dyn Journal>) -> Self {
        Self { inner, known: Mutex::default() }
    }

    /// Learns what the log has grown by.
    fn learn(&self, known: &mut Vec<Position>) -> Result<(), JournalError> {
        let after = known.last().copied().unwrap_or(0);
        self.inner.scan(after, None, &Filter::default(), &mut |event| {
            let last = known.last().copied().unwrap_or(0);
            assert!(event.position > last, "position {} follows {last}", event.position);
            known.push(event.position);
            ControlFlow::Continue(())
        })?;
        Ok(())
    }

    /// The number of a position.
    fn ordinal(&self, position: Position) -> Result<Position, JournalError> {
        if position == 0 {
            return Ok(0);
        }
        let mut known = self.known.lock();
        if position > known.last().copied().unwrap_or(0) {
            self.learn(&mut known)?;
        }
        let last = known.last().copied().unwrap_or(0);
        if position > last {
            return Ok(known.len() as Position + (position - last));
        }
        let at = known.binary_search(&position);
        let at =
            at.unwrap_or_else(|_| panic!("no event stands at the position {position} that was answered"));
        Ok(at as Position + 1)
    }

    /// The position of a number.
    fn position(&self, ordinal: Position) -> Result<Position, JournalError> {
        let mut known = self.known.lock();
        if ordinal > known.len() as Position {
            self.learn(&mut known)?;
        }
        let beyond = ordinal.saturating_sub(known.len() as Position);
        if ordinal == 0 || beyond == 0 {
            let at = usize::try_from(ordinal).unwrap_or(usize::MAX);
            return Ok(at.checked_sub(1).map_or(0, |at| known[at]));
        }
        Ok(known.last().copied().unwrap_or(0).saturating_add(beyond))
    }

    fn answered(&self, answer: Result<Receipt, JournalError>) -> Result<Receipt, JournalError> {
        match answer {
            Ok(receipt) => {
                let (first, last) = (self.ordinal(receipt.first)?, self.ordinal(receipt.last)?);
                Ok(Receipt { first, last, ..receipt })
            }
            Err(JournalError::Overtaken { stream, position }) => {
                Err(JournalError::Overtaken { stream, position: self.ordinal(position)? })
            }
            Err(error) => Err(error),
        }
    }
}

/// An event under its number; nothing of one that has none.
fn numbered<'e>(event: Recorded<'e>, ordinal: Result<Position, JournalError>) -> Option<Recorded<'e>> {
    ordinal.ok().map(|position| Recorded { position, ..event })
}

impl Journal for Ordinals {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn append(&self, mut items: Vec<Append>) -> Appending<'_> {
        for item in &mut items {
            if let Expected::Counted { after, .. } = &mut item.expected {
                *after = self.position(*after).unwrap_or_else(|error| panic!("{error}"));
            }
        }
        // the journal hears of it when it is asked first, and not before
        Box::pin(async move {
            let answers = self.inner.append(items).await;
            answers.into_iter().map(|answer| self.answered(answer)).collect()
        })
    }

    fn head(&self) -> Result<Position, JournalError> {
        self.ordinal(self.inner.head()?)
    }

    fn scan(
        &self,
        after: Position,
        upto: Option<Position>,
        filter: &Filter,
        visit: Visit<'_>,
    ) -> Result<Scanned, JournalError> {
        let (after, upto) = (self.position(after)?, upto.map(|upto| self.position(upto)).transpose()?);
        let scanned = self.inner.scan(after, upto, filter, &mut |event| {
            let event = numbered(event, self.ordinal(event.position));
            event.map_or(ControlFlow::Break(()), &mut *visit)
        })?;
        Ok(Scanned { through: self.ordinal(scanned.through)?, head: self.ordinal(scanned.head)? })
    }

    fn read_stream(&self, stream: &str, after: Version, visit: Visit<'_>) -> Result<Version, JournalError> {
        self.inner.read_stream(stream, after, &mut |event| {
            let event = numbered(event, self.ordinal(event.position));
            event.map_or(ControlFlow::Break(()), &mut *visit)
        })
    }

    fn read_streams(
        &self,
        streams: &[&str],
        upto: Option<Position>,
        visit: Visit<'_>,
    ) -> Result<(), JournalError> {
        let upto = upto.map(|upto| self.position(upto)).transpose()?;
        self.inner.read_streams(streams, upto, &mut |event| {
            let event = numbered(event, self.ordinal(event.position));
            event.map_or(ControlFlow::Break(()), &mut *visit)
        })
    }

    fn wait_beyond(&self, after: Position, timeout: Duration) -> Result<Position, JournalError> {
        self.ordinal(self.inner.wait_beyond(self.position(after)?, timeout)?)
    }

    fn load(&self) -> Load {
        self.inner.load()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tools::{fill, item, log};
    use super::*;
    use crate::MemoryJournal;

    #[test]
    fn numbers_of_a_dense_journal_are_its_positions() {
        let journal = Ordinals::of(Arc::new(MemoryJournal::new()));
        assert_eq!(journal.head(), Ok(0));
        let receipts = fill(&journal, [item("order-1", 1, Expected::Any, &["{}", "{}"])]);
        assert_eq!((receipts[0].first, receipts[0].last), (1, 2));
        assert_eq!(log(&journal).len(), 2);
        for n in [0, 1, 2, 3, 99] {
            assert_eq!((journal.position(n), journal.ordinal(n)), (Ok(n), Ok(n)));
        }
    }
}
