//! A journal into another one, of whatever kind: the same events at the same positions.

use std::ops::ControlFlow;

use daybook_journal::{Filter, Journal, JournalError, Kept, Position, Restore};
use serde::Serialize;

use super::BackupError;
use super::manifest::Events;

/// Events and bytes of their payloads that are written at once.
const EVENTS: usize = 2_000;
const BYTES: usize = 8 << 20;

/// What a copy came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Copied {
    /// Events that were there before.
    pub kept: Position,
    /// Events written now.
    pub copied: Position,
    /// All of them: the same in both journals.
    #[serde(flatten)]
    pub events: Events,
}

/// Copies the events of `from`, as far as it goes when this begins, behind those that `to` has of it already; then holds
/// one against the other. Positions, times and every stored byte are kept, so that read models and the signed log of the
/// copy are those of the journal. Cut off, it goes on where it stopped. `told`: events done, of so many.
///
/// # Errors
/// [`BackupError::NotACopy`] when `to` holds something that is not the beginning of `from`, or in the end not the same;
/// [`BackupError::Journal`] when one of the two cannot be read or written.
pub fn copy_journal(
    from: &dyn Journal,
    to: &mut dyn Restore,
    told: &mut dyn FnMut(Position, Position),
) -> Result<Copied, BackupError> {
    let head = from.head()?;
    let kept = to.journal().head()?;
    let (source, target) = (from.describe(), to.journal().describe());
    if !(from.dense() && to.journal().dense()) {
        return Err(BackupError::NotACopy(format!(
            "{source} and {target} do not number events alike, and events name positions: none can be a copy of the other"
        )));
    }
    if kept > head {
        return Err(BackupError::NotACopy(format!(
            "{target} holds {kept} events and {source} {head}: it is not a copy of it; name a new one"
        )));
    }
    if Events::of(from, kept)? != Events::of(to.journal(), kept)? {
        return Err(BackupError::NotACopy(format!(
            "the {kept} events of {target} are not the first of {source}: it is not a copy of it; name a new one"
        )));
    }
    let mut page = Page::default();
    let mut failed = None;
    from.scan(kept, Some(head), &Filter::default(), &mut |event| {
        page.bytes += event.refs.len() + event.data.len();
        page.events.push(event.into());
        if page.events.len() < EVENTS && page.bytes < BYTES {
            return ControlFlow::Continue(());
        }
        told(event.position, head);
        match page.write(to) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    failed.map_or(Ok(()), Err)?;
    page.write(to)?;
    told(head, head);
    let events = Events::of(from, head)?;
    let found = Events::of(to.journal(), to.journal().head()?)?;
    if found != events {
        return Err(BackupError::NotACopy(format!(
            "{target} holds {} events with digest {}, {source} {} with {}: do not use it",
            found.count, found.digest, events.count, events.digest
        )));
    }
    Ok(Copied { kept, copied: head - kept, events })
}

#[derive(Default)]
struct Page {
    events: Vec<Kept>,
    bytes: usize,
}

impl Page {
    fn write(&mut self, to: &mut dyn Restore) -> Result<(), JournalError> {
        self.bytes = 0;
        let events = std::mem::take(&mut self.events);
        if events.is_empty() { Ok(()) } else { to.restore(&events) }
    }
}
