//! Live following: batches of events folded into the rows they touch, rows and checkpoint in one transaction.

use std::ops::ControlFlow;
use std::sync::Arc;

use daybook_journal::{Journal, Position};

use super::error::ReadModelError;
use super::making::Rebuilt;
use super::meta::{self, State, Stored};
use super::pass::{Decoder, world_at};
use super::readers::identity;
use super::runner::{Children, Runner};
use super::store::place::Seat;
use super::store::schema::Lease;
use super::store::{self, Db};
use crate::metrics::Sites;
use crate::model::{Keys, KindSet};
use crate::models;

/// Most events of one transaction.
pub const BATCH_EVENTS: u64 = 5_000;
/// [`Live::cache_rows`] in use: the rows that business is done with now.
const CACHE_ROWS: usize = 50_000;

/// A model that is being followed.
struct Followed {
    runner: Box<dyn Runner>,
    position: Position,
}

/// The one writer of a file of read models.
pub(crate) struct Live {
    pub(crate) db: Db,
    models: Vec<Followed>,
    state: State,
    /// As read from the file, to notice another process that follows too.
    stored: Vec<Stored>,
    /// Which file this is, to notice another process that has replaced it.
    file: Option<(u64, u64)>,
    /// Most rows of one model kept in memory from one batch to the next.
    cache_rows: usize,
    /// The lists by which channels are to be told; none where those of the file stand.
    sites: Option<Arc<Sites>>,
}

/// What a batch did.
pub(crate) struct Batch {
    /// Every model stands here at least.
    pub(crate) applied: Position,
    /// The head of the journal when the batch began.
    pub(crate) head: Position,
    /// Events folded.
    pub(crate) events: u64,
    /// Whether another process follows.
    pub(crate) of_another: bool,
}

impl Live {
    /// Goes on with the models of the file; those of another version, or made with other lists, wait for a rebuild.
    pub(crate) fn open(seat: &Seat, sites: Option<Arc<Sites>>) -> Result<Self, ReadModelError> {
        let db = meta::open_at(seat)?;
        let file = file_of(seat);
        let (models, stored) = (Vec::new(), Vec::new());
        let mut live =
            Self { db, models, state: State::default(), stored, file, cache_rows: CACHE_ROWS, sites };
        live.reload()?;
        Ok(live)
    }

    /// Takes everything from the file again.
    pub(crate) fn reload(&mut self) -> Result<(), ReadModelError> {
        self.stored = meta::models(&self.db)?;
        self.state = meta::state(&self.db)?;
        self.models.clear();
        for mut runner in models::all(Children::Write) {
            let Some(found) =
                self.stored.iter().find(|s| s.model == runner.name() && s.version == runner.version())
            else {
                continue;
            };
            runner.attach(found.generation, Some(&self.db))?;
            if !runner.is_made_with(self.sites.as_deref()) {
                continue;
            }
            self.models.push(Followed { runner, position: found.position });
        }
        Ok(())
    }

    /// The models whose stored rows are of another version or made with other lists, or that the file lacks.
    pub(crate) fn stale(&self) -> Vec<&'static str> {
        let names = models::all(Children::Hash).into_iter().map(|r| r.name());
        names.filter(|name| !self.models.iter().any(|m| m.runner.name() == *name)).collect()
    }

    /// Every model stands here at least, but those that follow apart.
    pub(crate) fn applied(&self) -> Position {
        self.position(false).unwrap_or(0)
    }

    /// Where the models stand that follow apart; none where there are none.
    pub(crate) fn applied_apart(&self) -> Option<Position> {
        self.position(true)
    }

    fn position(&self, apart: bool) -> Option<Position> {
        self.models.iter().filter(|m| m.runner.apart() == apart).map(|m| m.position).min()
    }

    /// Whether another file has taken the name of this one, or the connection is gone.
    pub(crate) fn replaced(&self, seat: &Seat) -> bool {
        self.db.is_lost() || self.file != file_of(seat)
    }

    /// When the last event applied was recorded, microseconds.
    pub(crate) fn recorded_at(&self) -> i64 {
        self.state.recorded_at
    }

    /// The models as they stand.
    pub(crate) fn stored(&self) -> &[Stored] {
        &self.stored
    }

    /// Folds the next events, at most `most`: into the models that follow `apart`, or into all others.
    pub(crate) fn batch(
        &mut self,
        journal: &dyn Journal,
        most: u64,
        apart: bool,
    ) -> Result<Batch, ReadModelError> {
        if !self.db.take(if apart { Lease::Apart } else { Lease::Together })? {
            return self.batch_of_another(journal, apart);
        }
        self.db.begin()?;
        let done = self.batch_inside(journal, most, apart);
        let done = done.and_then(|done| {
            self.db.commit()?;
            Ok(done)
        });
        match done {
            Ok((batch, None)) => Ok(batch),
            // what came before the bad event is kept
            Ok((_, Some(stopped))) => Err(stopped),
            Err(e) => {
                // the rows in memory have seen events that the file has not
                if !self.db.is_lost() {
                    self.db.rollback()?;
                    self.reload()?;
                }
                Err(e)
            }
        }
    }

    /// Another process follows: what it has come to.
    fn batch_of_another(&mut self, journal: &dyn Journal, apart: bool) -> Result<Batch, ReadModelError> {
        if meta::models(&self.db)? != self.stored {
            self.reload()?;
        }
        Ok(Batch {
            applied: self.position(apart).unwrap_or(0),
            head: journal.head()?,
            events: 0,
            of_another: true,
        })
    }

    /// Whether the connection is gone.
    pub(crate) fn is_lost(&self) -> bool {
        self.db.is_lost()
    }

    /// Where the models lie.
    pub(crate) fn shown(&self) -> String {
        match &self.db {
            Db::Sqlite(db) => db.path().unwrap_or_default().to_owned(),
            Db::Postgres(db) => db.target().name.to_string(),
        }
    }

    /// Lets another process follow.
    pub(crate) fn let_go(&self) -> Result<(), ReadModelError> {
        Ok(self.db.let_go()?)
    }

    /// Who follows, where it is not this one.
    pub(crate) fn holder(&self) -> Result<String, ReadModelError> {
        Ok(self.db.holder(Lease::Together)?)
    }

    fn batch_inside(
        &mut self,
        journal: &dyn Journal,
        most: u64,
        apart: bool,
    ) -> Result<(Batch, Option<ReadModelError>), ReadModelError> {
        if meta::models(&self.db)? != self.stored {
            self.reload()?; // another process has followed in the meantime
        }
        let after = self.position(apart).unwrap_or(0);
        let own = self.models.iter().filter(|m| m.runner.apart() == apart);
        let kinds = own.fold(KindSet::default(), |set, m| set.or(m.runner.kinds()));
        if let Db::Postgres(_) = self.db {
            self.foresee(journal, (after, most), kinds, apart)?;
        }
        let mut decoder = Decoder::new(kinds, self.state.world.clone());
        let (mut events, mut recorded_at) = (0, self.state.recorded_at);
        let (models, db) = (&mut self.models, &self.db);
        let passed = decoder.scan_some(journal, after, &mut |e, world| {
            let mut keys = Keys::new();
            for m in models.iter_mut().filter(|m| m.runner.apart() == apart) {
                if m.position < e.position && m.runner.kinds().has(e.kind) {
                    m.runner.apply(e, world, &mut keys, Some(db))?;
                }
            }
            events += 1;
            recorded_at = e.recorded_at;
            Ok(if events >= most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        let failed = match passed.failed {
            Some(e) if !matches!(e, ReadModelError::Undecodable { .. } | ReadModelError::BadRefs { .. }) => {
                return Err(e);
            }
            failed => failed,
        };
        let through = passed.scanned.through;
        self.keep_rows(journal, through, apart)?;
        if !apart {
            self.keep_state(State { world: decoder.world, recorded_at })?;
        }
        let applied = self.position(apart).unwrap_or(0);
        Ok((Batch { applied, head: passed.scanned.head, events, of_another: false }, failed))
    }

    /// Loads the rows that the next events touch; what it does not foresee is loaded when it is folded.
    fn foresee(
        &mut self,
        journal: &dyn Journal,
        (after, most): (Position, u64),
        kinds: KindSet,
        apart: bool,
    ) -> Result<(), ReadModelError> {
        let mut decoder = Decoder::new(kinds, self.state.world.clone());
        let mut events = 0;
        let models = &mut self.models;
        // an event that cannot be read ends this too, and is told of by who folds
        decoder.scan(journal, after, None, &mut |e, _| {
            let mut keys = Keys::new();
            for m in models.iter_mut().filter(|m| m.runner.apart() == apart) {
                if m.position < e.position && m.runner.kinds().has(e.kind) {
                    m.runner.foresee(e, &mut keys);
                }
            }
            events += 1;
            Ok(if events >= most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        if let Db::Postgres(db) = &self.db {
            models.iter_mut().try_for_each(|m| m.runner.load_foreseen(db))?;
        }
        Ok(())
    }

    /// Writes rows and checkpoint.
    fn keep_rows(
        &mut self,
        journal: &dyn Journal,
        through: Position,
        apart: bool,
    ) -> Result<(), ReadModelError> {
        if self.position(apart).is_none_or(|applied| through <= applied) {
            return Ok(());
        }
        if self.stored.iter().all(|s| s.position == 0) {
            meta::bind_to(&self.db, journal)?;
        }
        for m in self.models.iter_mut().filter(|m| m.runner.apart() == apart) {
            m.runner.flush(&self.db)?;
            m.runner.trim(self.cache_rows);
            m.position = m.position.max(through);
            meta::advance(&self.db, m.runner.name(), through)?;
            if let Some(stored) = self.stored.iter_mut().find(|s| s.model == m.runner.name()) {
                stored.position = stored.position.max(through);
            }
        }
        Ok(())
    }

    /// Keeps the world.
    fn keep_state(&mut self, new: State) -> Result<(), ReadModelError> {
        meta::put_state(&self.db, &self.state, &new)?;
        self.state = new;
        Ok(())
    }

    /// Flips the views of rebuilt models and goes on from where they stand.
    pub(crate) fn flip(&mut self, journal: &dyn Journal, rebuilt: &[Rebuilt]) -> Result<(), ReadModelError> {
        self.db.begin_flip()?;
        let flipped = self.flip_inside(journal, rebuilt).and_then(|()| Ok(self.db.commit()?));
        if flipped.is_err() && !self.db.is_lost() {
            self.db.rollback()?;
        }
        flipped.and_then(|()| self.reload())
    }

    fn flip_inside(&mut self, journal: &dyn Journal, rebuilt: &[Rebuilt]) -> Result<(), ReadModelError> {
        if meta::models(&self.db)? != self.stored {
            self.reload()?;
        }
        for Rebuilt { runner, stored: new } in rebuilt {
            self.db.define(&runner.statements().views)?;
            meta::put_model(&self.db, new)?;
            if let Some(old) = self.stored.iter().find(|s| s.model == new.model) {
                drop_generation(&self.db, runner.as_ref(), old.generation)?;
            }
        }
        // the world stands where the hindmost model stands
        let is_apart = |name: &str| self.models.iter().any(|m| m.runner.apart() && m.runner.name() == name);
        let all = meta::models(&self.db)?;
        let together = all.iter().filter(|m| !is_apart(&m.model)).map(|m| m.position);
        let hindmost = together.min().unwrap_or(0);
        if hindmost != self.applied() {
            let new = State { world: world_at(journal, hindmost)?, ..self.state.clone() };
            meta::put_state(&self.db, &self.state, &new)?;
        }
        Ok(())
    }
}

/// A generation that no table of the model has yet.
pub(crate) fn next_generation(db: &Db, runner: &dyn Runner) -> Result<u32, ReadModelError> {
    // from the file: another process may have flipped to a generation this one has not seen
    let stored = meta::models(db)?;
    let stored = stored.iter().find(|s| s.model == runner.name()).map_or(0, |s| s.generation);
    // what an interrupted rebuild left behind goes first
    drop_generation(db, runner, stored + 1)?;
    Ok(stored + 1)
}

/// Generations that no tables of these models have yet.
pub(super) fn next_generations(db: &Db, runners: &mut [Box<dyn Runner>]) -> Result<Vec<u32>, ReadModelError> {
    let stored = meta::models(db)?;
    let last = |name: &str| stored.iter().find(|s| s.model == name).map_or(0, |s| s.generation);
    let next: Vec<u32> = runners.iter().map(|runner| last(runner.name()) + 1).collect();
    let left = runners.iter().zip(&next).map(|(runner, next)| dropped(runner.as_ref(), *next));
    db.define(&left.collect::<String>())?;
    for (runner, next) in runners.iter_mut().zip(&next) {
        runner.attach(*next, None)?;
    }
    Ok(next)
}

/// Shows tables of all models that were made beside those of before, in one step.
pub(super) fn flip_all(
    db: &Db,
    journal: &dyn Journal,
    rebuilt: &[Rebuilt],
    state: &State,
) -> Result<(), ReadModelError> {
    db.begin_flip()?;
    let flipped = (|| {
        let before = meta::models(db)?;
        // one way to the server and back for all of them: who reads waits meanwhile
        let mut sql: String = rebuilt.iter().map(|made| &*made.runner.statements().views).collect();
        for Rebuilt { runner, stored: new } in rebuilt {
            let old = before.iter().find(|s| s.model == new.model);
            sql += &old.map_or(String::new(), |old| dropped(runner.as_ref(), old.generation));
            meta::put_model(db, new)?;
        }
        db.define(&sql)?;
        meta::put_whole_state(db, state)?;
        if rebuilt.iter().any(|made| made.stored.position > 0) {
            meta::bind_to(db, journal)?;
        }
        Ok(db.commit()?)
    })();
    if flipped.is_err() && !db.is_lost() {
        db.rollback()?;
    }
    flipped
}

fn file_of(seat: &Seat) -> Option<(u64, u64)> {
    match seat {
        Seat::File(path) => identity(path),
        Seat::Database(_) => None,
    }
}

/// Drops the tables of one generation, whatever columns they had.
fn drop_generation(db: &Db, runner: &dyn Runner, generation: u32) -> store::Result<()> {
    db.define(&dropped(runner, generation))
}

fn dropped(runner: &dyn Runner, generation: u32) -> String {
    let tables = runner.tables().into_iter();
    tables.map(|table| format!("DROP TABLE IF EXISTS {table}__r{generation};\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::rebuild::{self, Bounds};
    use crate::engine::testing::deposits;

    #[test]
    fn rows_that_were_forgotten_are_loaded_again() {
        let journal = deposits(3_000);
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("views.db");
        let empty = daybook_journal::MemoryJournal::new();
        rebuild::build_file(&path, &empty, models::all(Children::Write), Bounds::ALONE, &mut |_| {}).unwrap();
        let mut live = Live::open(&Seat::File(path), None).unwrap();
        live.cache_rows = 10;
        while live.applied() < 3_000 {
            live.batch(&journal, 170, false).unwrap();
        }
        let stored = |db: &Db| -> Vec<_> {
            models::all(Children::Hash).iter().flat_map(|r| r.stored_digests(db).unwrap()).collect()
        };
        let whole = room.path().join("whole.db");
        rebuild::build_file(&whole, &journal, models::all(Children::Write), Bounds::ALONE, &mut |_| {})
            .unwrap();
        assert_eq!(stored(&live.db), stored(&meta::open(&whole).unwrap()));
    }
}
