//! One pass over the journal: each event is decoded once and posted once, and all models share the result.

use std::cell::Cell;
use std::ops::ControlFlow;

use daybook_domain::posting::post;
use daybook_domain::{DecodeError, Event, EventKind, Refs};
use daybook_journal::{Filter, Journal, JournalError, Position, Recorded, Scanned, Visit, ahead};

use super::error::ReadModelError;
use crate::model::{Envelope, KindSet};
use crate::world::World;

/// What is done with each event.
pub(crate) type Each<'f> =
    &'f mut dyn for<'e> FnMut(&'e Envelope<'e>, &World) -> Result<ControlFlow<()>, ReadModelError>;

/// Turns stored events into envelopes.
pub(crate) struct Decoder {
    /// Types that some model looks at; the others are not decoded.
    wanted: KindSet,
    pub(crate) world: World,
    /// The last refs: events of a stream come in runs and repeat theirs.
    refs: Refs,
    refs_text: String,
}

impl Decoder {
    pub(crate) fn new(wanted: KindSet, world: World) -> Self {
        Self { wanted: wanted.or(World::KINDS), world, refs: Refs::default(), refs_text: String::from("{}") }
    }

    /// Hands the event to `each`, the world folded first. Every type must be known, wanted or not.
    pub(crate) fn visit(
        &mut self,
        stored: &Recorded<'_>,
        each: Each<'_>,
    ) -> Result<ControlFlow<()>, ReadModelError> {
        let undecodable = |why| ReadModelError::Undecodable {
            position: stored.position,
            stream: stored.stream.to_owned(),
            why,
        };
        let kind = EventKind::parse(stored.kind)
            .ok_or_else(|| undecodable(DecodeError::UnknownKind { kind: stored.kind.to_owned() }))?;
        if !self.wanted.has(kind) {
            return Ok(ControlFlow::Continue(()));
        }
        let event = Event::decode_kind(kind, stored.schema, stored.data).map_err(undecodable)?;
        if self.refs_text != stored.refs {
            self.refs = Refs::parse(stored.refs).map_err(|e| ReadModelError::BadRefs {
                position: stored.position,
                stream: stored.stream.to_owned(),
                why: e.to_string(),
            })?;
            stored.refs.clone_into(&mut self.refs_text);
        }
        if World::KINDS.has(kind) {
            self.world.fold(&event);
        }
        let mut entries = Vec::new();
        if kind.posts() {
            entries.reserve(8);
            post(&event, &self.refs, &mut entries);
        }
        let envelope = Envelope {
            position: stored.position,
            stream: stored.stream,
            version: stored.version,
            kind,
            occurred_at: stored.occurred_at,
            recorded_at: stored.recorded_at,
            booked_at: self.world.booked_at(stored.occurred_at),
            refs: &self.refs,
            event: &event,
            entries: &entries,
            marks: Cell::default(),
        };
        each(&envelope, &self.world)
    }

    /// Visits `after < position <= upto`. An error ends the pass and stands beside how far it came: the
    /// events before it have been visited.
    pub(crate) fn scan(
        &mut self,
        journal: &dyn Journal,
        after: Position,
        upto: Option<Position>,
        each: Each<'_>,
    ) -> Result<Passed, ReadModelError> {
        self.pass(after, each, |visit| ahead::scan(journal, after, upto, &Filter::default(), visit))
    }

    /// As [`scan`](Self::scan) to the head, for a visitor that stops long before it: nothing is read ahead that would be
    /// thrown away.
    pub(crate) fn scan_some(
        &mut self,
        journal: &dyn Journal,
        after: Position,
        each: Each<'_>,
    ) -> Result<Passed, ReadModelError> {
        self.pass(after, each, |visit| journal.scan(after, None, &Filter::default(), visit))
    }

    fn pass(
        &mut self,
        after: Position,
        each: Each<'_>,
        scan: impl FnOnce(Visit<'_>) -> Result<Scanned, JournalError>,
    ) -> Result<Passed, ReadModelError> {
        let mut failed = None;
        let mut seen = after;
        let mut stopped = false;
        let scanned = scan(&mut |stored| match self.visit(&stored, &mut *each) {
            Ok(ControlFlow::Continue(())) => {
                seen = stored.position;
                ControlFlow::Continue(())
            }
            Ok(ControlFlow::Break(())) => {
                seen = stored.position;
                stopped = true;
                ControlFlow::Break(())
            }
            Err(e) => {
                failed = Some(e);
                ControlFlow::Break(())
            }
        })?;
        let through = if failed.is_some() || stopped { seen } else { scanned.through.max(seen) };
        Ok(Passed { scanned: Scanned { through, head: scanned.head }, failed })
    }
}

/// How far a pass came.
pub(crate) struct Passed {
    /// Everything through here was visited.
    pub(crate) scanned: Scanned,
    /// Why it went no further.
    pub(crate) failed: Option<ReadModelError>,
}

/// The world after the event at `upto`.
pub(crate) fn world_at(journal: &dyn Journal, upto: Position) -> Result<World, ReadModelError> {
    let mut decoder = Decoder::new(KindSet::default(), World::default());
    if upto > 0 {
        let passed = decoder.scan(journal, 0, Some(upto), &mut |_, _| Ok(ControlFlow::Continue(())))?;
        if let Some(e) = passed.failed {
            return Err(e);
        }
    }
    Ok(decoder.world)
}
