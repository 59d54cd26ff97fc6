//! Answers as of any moment: the same folds, in memory, over a prefix of the journal or a cut by business time.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use daybook_journal::{Journal, Micros, Position};

use super::error::ReadModelError;
use super::pass::Decoder;
use super::runner::{Children, Runner};
use super::table::Table;
use super::{Progress, ReadModels, Stage};
use crate::digest::TableDigest;
use crate::metrics::Sites;
use crate::model::{Cut, Envelope, Key, Keys, KindSet, Model};
use crate::models;
use crate::queries::{RowVisit, WholeTable};
use crate::world::World;

/// A moment to be answered for: up to three cuts, all of which hold. None of them is now.
///
/// They combine: "as of the end of May, as known on the tenth of June" is what had been recorded by then of what
/// is booked by the end of May. When an event is booked rests on the periods that were closed before it in the
/// journal, so a period that is closed later moves nothing that stood there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AsOf {
    /// After the event at this position.
    pub position: Option<Position>,
    /// As known at this instant: what had been recorded by then. Microseconds, inclusive.
    pub known: Option<Micros>,
    /// As of this instant of business time: what had happened by then; of books and balances, what is booked by
    /// then. Microseconds, inclusive.
    pub business: Option<Micros>,
}

impl AsOf {
    /// Now.
    pub const HEAD: Self = Self { position: None, known: None, business: None };

    /// After the event at this position.
    #[must_use]
    pub const fn position(position: Position) -> Self {
        Self { position: Some(position), ..Self::HEAD }
    }
    /// As known at this instant.
    #[must_use]
    pub const fn known(at: Micros) -> Self {
        Self { known: Some(at), ..Self::HEAD }
    }
    /// As of this instant of business time, with all that is known today.
    #[must_use]
    pub const fn business(at: Micros) -> Self {
        Self { business: Some(at), ..Self::HEAD }
    }

    /// Whether the event lies behind the moment, and with it all that follow.
    fn is_past(self, e: &Envelope<'_>) -> bool {
        self.position.is_some_and(|p| e.position > p) || self.known.is_some_and(|t| e.recorded_at > t)
    }
    /// Whether what is cut by `cut` counts the event.
    #[must_use]
    pub fn counts(self, cut: Cut, e: &Envelope<'_>) -> bool {
        let at = match cut {
            Cut::Occurred => e.occurred_at,
            Cut::Booked => e.booked_at,
        };
        self.business.is_none_or(|t| at <= t)
    }
}

/// Rows in memory, as of a moment.
pub struct Snapshot {
    runners: Vec<Box<dyn Runner>>,
    through: Position,
    at: AsOf,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot")
            .field("at", &self.at)
            .field("through", &self.through)
            .finish_non_exhaustive()
    }
}

impl Snapshot {
    /// Replays a journal in memory, without any database: the models named, all where none is.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn replay(
        journal: &dyn Journal,
        at: AsOf,
        names: &[&str],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, ReadModelError> {
        Self::replayed(journal, at, models::selected(names, Children::Hash)?, progress)
    }

    /// As [`replay`](Self::replay), with the child rows kept: for journals whose entries fit in memory.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn replay_with_children(
        journal: &dyn Journal,
        at: AsOf,
        names: &[&str],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, ReadModelError> {
        Self::replayed(journal, at, models::selected(names, Children::Keep)?, progress)
    }

    /// As [`replay`](Self::replay), or with the child rows kept, and with channels told by these lists.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn replay_told(
        journal: &dyn Journal,
        at: AsOf,
        (names, keep_children): (&[&str], bool),
        sites: Sites,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, ReadModelError> {
        let children = if keep_children { Children::Keep } else { Children::Hash };
        let (mut runners, sites) = (models::selected(names, children)?, Arc::new(sites));
        runners.iter_mut().for_each(|runner| runner.tell(&sites));
        Self::replayed(journal, at, runners, progress)
    }

    fn replayed(
        journal: &dyn Journal,
        at: AsOf,
        runners: Vec<Box<dyn Runner>>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, ReadModelError> {
        let mut snapshot = Self { runners, through: 0, at };
        let mut decoder = Decoder::new(snapshot.kinds(), World::default());
        let total = journal.head()?.min(at.position.unwrap_or(Position::MAX));
        let mut seen = 0u64;
        let passed = decoder.scan(journal, 0, at.position, &mut |e, world| {
            seen += 1;
            if seen.is_multiple_of(4_096) {
                progress(Progress { stage: Stage::Folding, done: e.position, total });
            }
            snapshot.apply(e, world)
        })?;
        passed.failed.map_or(Ok(snapshot), Err)
    }

    fn kinds(&self) -> KindSet {
        self.runners.iter().fold(KindSet::default(), |set, r| set.or(r.kinds()))
    }

    fn apply<'e>(&mut self, e: &'e Envelope<'e>, world: &World) -> Result<ControlFlow<()>, ReadModelError> {
        if self.at.is_past(e) {
            return Ok(ControlFlow::Break(()));
        }
        let mut keys = Keys::new();
        for runner in &mut self.runners {
            if runner.kinds().has(e.kind) && self.at.counts(runner.cut(), e) {
                runner.apply(e, world, &mut keys, None)?;
            }
        }
        self.through = self.through.max(e.position);
        Ok(ControlFlow::Continue(()))
    }

    /// The last event counted.
    #[must_use]
    pub const fn through(&self) -> Position {
        self.through
    }

    fn table<M: Model>(&self) -> Option<&Table<M>> {
        self.runners.iter().find_map(|r| r.as_any().downcast_ref())
    }

    /// The row of a key.
    #[must_use]
    pub fn row<M: Model>(&self, key: &[&str]) -> Option<&M::Row> {
        self.table::<M>()?.row(&Key::new(key))
    }

    /// All rows of a model, in order of creation.
    pub fn rows<M: Model>(&self) -> impl Iterator<Item = &M::Row> {
        self.table::<M>().into_iter().flat_map(Table::rows)
    }

    /// The child rows of a key, where they were kept: by [`replay_with_children`](Self::replay_with_children) and
    /// [`ReadModels::entity_as_of`].
    #[must_use]
    pub fn children<M: Model>(&self, key: &[&str]) -> Vec<&M::Child> {
        self.table::<M>().map_or_else(Vec::new, |t| t.children(&Key::new(key)).collect())
    }

    /// The tables of the models that were asked for.
    #[must_use]
    pub fn tables(&self) -> Vec<WholeTable> {
        let all = self.runners.iter().flat_map(|runner| runner.viewed());
        all.map(|(name, columns)| WholeTable { name, columns }).collect()
    }

    /// Visits the rows of a table in order of creation; child rows where they were kept.
    pub fn visit_table(&self, table: &WholeTable, visit: RowVisit<'_>) {
        for runner in self.runners.iter().filter(|runner| runner.tables().contains(&table.name)) {
            runner.visit_rows(table.name, &mut *visit);
        }
    }

    /// Digests of all tables, in the order of their names.
    #[must_use]
    pub fn digests(&self) -> Vec<TableDigest> {
        let mut all: Vec<_> = self.runners.iter().flat_map(|r| r.digests()).collect();
        all.sort_unstable_by_key(|d| d.table);
        all
    }
}

/// What is told of how far a pass has come.
pub type EachStep<'f> = &'f mut dyn FnMut(Progress);

/// What is done with each event; a break ends the pass.
pub type EachEvent<'f> = &'f mut dyn FnMut(&Envelope<'_>) -> ControlFlow<()>;

/// Events as they stood at a moment: as they were written ([`AsWritten`]), or as they would be under other rules.
/// Figures are folded from these, so that each of them can be asked of either.
pub trait Events {
    /// The moment.
    fn at(&self) -> AsOf;

    /// The position of the last of them.
    ///
    /// # Errors
    /// [`ReadModelError`].
    fn head(&self) -> Result<Position, ReadModelError>;

    /// Hands each event of these types to `each`, decoded and posted, in one pass and without any database. What a
    /// business time means for it the caller decides: [`AsOf::counts`].
    ///
    /// # Errors
    /// [`ReadModelError`].
    fn visit(
        &self,
        kinds: KindSet,
        progress: EachStep<'_>,
        each: EachEvent<'_>,
    ) -> Result<(), ReadModelError>;

    /// The same of those that had happened by the moment.
    ///
    /// # Errors
    /// [`ReadModelError`].
    fn visit_happened(
        &self,
        kinds: KindSet,
        progress: EachStep<'_>,
        each: EachEvent<'_>,
    ) -> Result<(), ReadModelError> {
        let at = self.at();
        self.visit(kinds, progress, &mut |e| {
            if at.counts(Cut::Occurred, e) { each(e) } else { ControlFlow::Continue(()) }
        })
    }
}

/// Positions between two looks at the time. What they hold does not matter: an event that nobody asked for takes its time
/// too.
const STRETCH: Position = 65_536;

/// The events of a journal.
#[derive(Clone, Copy)]
pub struct AsWritten<'j> {
    journal: &'j dyn Journal,
    at: AsOf,
    until: Option<Instant>,
}

impl std::fmt::Debug for AsWritten<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AsWritten").field("at", &self.at).finish_non_exhaustive()
    }
}

impl<'j> AsWritten<'j> {
    /// Those of a journal that stood there at a moment.
    #[must_use]
    pub const fn of(journal: &'j dyn Journal, at: AsOf) -> Self {
        Self { journal, at, until: None }
    }

    /// The same for who has until then: a pass that is not at its end by that time ends with
    /// [`ReadModelError::TookTooLong`].
    #[must_use]
    pub const fn until(self, until: Option<Instant>) -> Self {
        Self { until, ..self }
    }
}

impl Events for AsWritten<'_> {
    fn at(&self) -> AsOf {
        self.at
    }

    fn head(&self) -> Result<Position, ReadModelError> {
        Ok(self.journal.head()?.min(self.at.position.unwrap_or(Position::MAX)))
    }

    fn visit(
        &self,
        kinds: KindSet,
        progress: EachStep<'_>,
        each: EachEvent<'_>,
    ) -> Result<(), ReadModelError> {
        let at = self.at;
        let total = self.head()?;
        let mut decoder = Decoder::new(kinds, World::default());
        let (mut seen, mut done, mut over) = (0u64, 0, false);
        loop {
            let upto = match self.until {
                None => at.position,
                Some(until) if Instant::now() >= until => {
                    return Err(ReadModelError::TookTooLong { done, total });
                }
                Some(_) => Some(done.saturating_add(STRETCH).min(total)),
            };
            let passed = decoder.scan(self.journal, done, upto, &mut |e, _| {
                seen += 1;
                if seen.is_multiple_of(4_096) {
                    progress(Progress { stage: Stage::Folding, done: e.position, total });
                }
                let flow = if at.is_past(e) {
                    ControlFlow::Break(())
                } else if kinds.has(e.kind) {
                    each(e)
                } else {
                    ControlFlow::Continue(())
                };
                over |= flow.is_break();
                Ok(flow)
            })?;
            if let Some(failed) = passed.failed {
                return Err(failed);
            }
            match upto {
                Some(upto) if upto < total && !over => done = upto,
                _ => return Ok(()),
            }
        }
    }
}

impl ReadModels {
    /// Models as of a moment, from the journal: all of them where none is named. A job of seconds per million
    /// events, and of memory for all rows of the models asked for.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn as_of(
        &self,
        at: AsOf,
        names: &[&str],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Snapshot, ReadModelError> {
        let mut runners = models::selected(names, Children::Hash)?;
        self.tell_sites(&mut runners)?;
        Snapshot::replayed(self.journal().as_ref(), at, runners, progress)
    }

    /// The events of the journal as they stood at a moment.
    #[must_use]
    pub fn events(&self, at: AsOf) -> AsWritten<'_> {
        AsWritten::of(self.journal().as_ref(), at)
    }

    /// One entity as of a moment, from its own streams: cheap, whatever the size of the journal. Rows of
    /// other entities that share those streams are incomplete; ask for this entity's.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn entity_as_of(&self, kind: &str, entity: &str, at: AsOf) -> Result<Snapshot, ReadModelError> {
        let mut streams = self.all_streams(kind, entity)?;
        // closed periods move bookings, so the market's and the books' own streams are read too
        streams.extend(self.all_streams(models::entities::WORLD, models::entities::WORLD)?);
        streams.sort_unstable();
        streams.dedup();
        let mut snapshot = Snapshot { runners: models::all(Children::Keep), through: 0, at };
        let mut decoder = Decoder::new(snapshot.kinds(), World::default());
        let mut failed = None;
        let names: Vec<&str> = streams.iter().map(String::as_str).collect();
        self.journal().read_streams(&names, at.position, &mut |stored| match decoder
            .visit(&stored, &mut |e, world| snapshot.apply(e, world))
        {
            Ok(flow) => flow,
            Err(e) => {
                failed = Some(e);
                ControlFlow::Break(())
            }
        })?;
        failed.map_or(Ok(snapshot), Err)
    }
}
