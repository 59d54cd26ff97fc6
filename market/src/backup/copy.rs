//! A journal into another one, of whatever kind: the same events, at the same positions where both number them alike.

use std::ops::ControlFlow;

use daybook_domain::EventKind;
use daybook_journal::{Filter, Journal, JournalError, Kept, Position, Restore};
use serde::Serialize;
use uuid::Uuid;

use super::BackupError;
use super::manifest::Events;

/// Events and bytes of their payloads that are written at once, about.
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
/// copy are those of the journal. Where one of the two gives positions of its own, all but these are; then no event may name
/// any. Cut off, it goes on where it stopped. `told`: the position that it is at, and the last.
///
/// # Errors
/// [`BackupError::NotACopy`] when `to` holds something that is not the beginning of `from`, or in the end not the same, and where
/// events name positions that would be others; [`BackupError::Journal`] when one of the two cannot be read or written.
pub fn copy_journal(
    from: &dyn Journal,
    to: &mut dyn Restore,
    told: &mut dyn FnMut(Position, Position),
) -> Result<Copied, BackupError> {
    let head = from.head()?;
    let (source, target) = (from.describe(), to.journal().describe());
    let alike = from.dense() && to.journal().dense();
    if !alike && let Some(named) = position_named(from, head)? {
        return Err(BackupError::NotACopy(format!(
            "{source} and {target} do not number events alike, and {named} names positions: it would tell of other events"
        )));
    }
    let there = Events::of(to.journal(), to.journal().head()?)?;
    let kept = there.count;
    if from.dense() && kept > head {
        return Err(BackupError::NotACopy(format!(
            "{target} holds {kept} events and {source} {head}: it is not a copy of it; name a new one"
        )));
    }
    if Events::first(from, head, kept)? != there {
        return Err(BackupError::NotACopy(format!(
            "the {kept} events of {target} are not the first of {source}: it is not a copy of it; name a new one"
        )));
    }
    let mut page = Page::default();
    let mut failed = None;
    let after = if from.dense() { kept } else { 0 };
    let mut number = after;
    from.scan(after, Some(head), &Filter::default(), &mut |event| {
        number += 1;
        if number <= kept {
            return ControlFlow::Continue(());
        }
        if page.ends_before(event.command) {
            told(event.position, head);
            if let Err(error) = page.write(to) {
                failed = Some(error);
                return ControlFlow::Break(());
            }
        }
        page.bytes += event.refs.len() + event.data.len();
        page.events.push(Kept { position: number, ..event.into() });
        ControlFlow::Continue(())
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
    Ok(Copied { kept, copied: events.count - kept, events })
}

/// The first event that names positions, as it is told; none where none does.
fn position_named(journal: &dyn Journal, head: Position) -> Result<Option<String>, JournalError> {
    let kinds = EventKind::ALL.iter().filter(|kind| kind.names_positions()).map(|kind| kind.as_str().into());
    let filter = Filter { kinds: Some(kinds.collect()), categories: None };
    let mut named = None;
    journal.scan(0, Some(head), &filter, &mut |event| {
        named = Some(format!("{} at position {} ({})", event.kind, event.position, event.stream));
        ControlFlow::Break(())
    })?;
    Ok(named)
}

#[derive(Default)]
struct Page {
    events: Vec<Kept>,
    bytes: usize,
}

impl Page {
    /// Whether it is full, and what comes is of another command: what one made is in one page, so that a copy that is cut off has all or
    /// nothing of it.
    fn ends_before(&self, command: Uuid) -> bool {
        let full = self.events.len() >= EVENTS || self.bytes >= BYTES;
        full && self.events.last().is_some_and(|last| last.cause.command != command)
    }

    fn write(&mut self, to: &mut dyn Restore) -> Result<(), JournalError> {
        self.bytes = 0;
        let events = std::mem::take(&mut self.events);
        if events.is_empty() { Ok(()) } else { to.restore(&events) }
    }
}
