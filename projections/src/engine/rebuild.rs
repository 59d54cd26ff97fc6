//! Making tables from the whole journal: folded in memory on one thread, or on several where a model can be
//! ([`super::stretches`]), written on another.
//!
//! Child rows are streamed as they come. Rows wait until the pass is over, because a row may change until then;
//! memory is therefore bounded by rows, and a pass whose rows would take more than [`MOST_BYTES`] ends early: live
//! following takes the tables from there to the head.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use daybook_journal::{Journal, Position};

use super::error::ReadModelError;
use super::meta::{self, State, Stored};
use super::pass::Decoder;
use super::runner::{Job, Runner, Writer};
use super::store::Db;
use super::{Progress, Stage, stretches};
use crate::model::{Keys, KindSet};
use crate::world::World;

/// Most memory for rows, all models together, bytes: with caches and queues the process stays below 1 GiB.
const MOST_BYTES: usize = 720 << 20;
/// Child rows of one piece of writing.
const CHILD_CHUNK: usize = 4_096;
/// Pieces of writing that may wait.
const WAITING: usize = 16;
/// Events between two looks at memory and two reports of progress.
const EVERY: u64 = 4_096;

/// Models that are folded together.
pub(super) type Folded<'r> = [&'r mut Box<dyn Runner>];
/// What is done every so many events, at a position; whether to go on.
pub(super) type Look<'l> = &'l mut dyn FnMut(&mut Folded<'_>, Position) -> bool;

/// A made set of tables.
pub(crate) struct Built {
    position: Position,
    /// Where the models stand that follow apart.
    apart: Position,
    pub(crate) state: State,
}

impl Built {
    /// Where a model stands.
    pub(crate) fn of(&self, runner: &dyn Runner) -> Position {
        if runner.apart() { self.apart } else { self.position }
    }
}

/// What a build may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Most rows of one transaction.
    pub(crate) transaction_rows: u64,
    /// Most memory for rows, bytes.
    pub(crate) row_bytes: usize,
}

impl Bounds {
    /// In a file that nobody else has open.
    pub(crate) const ALONE: Self = Self { transaction_rows: u64::MAX, row_bytes: MOST_BYTES };
    /// Beside live tables, whose followers wait for each transaction.
    pub(crate) const BESIDE: Self = Self { transaction_rows: 50_000, row_bytes: MOST_BYTES };
}

/// Fills the tables of `runners` (created here, in their generation) from the journal.
pub(crate) fn build(
    db: Db,
    journal: &dyn Journal,
    runners: &mut [Box<dyn Runner>],
    bounds: Bounds,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Db, Built), ReadModelError> {
    db.define(&runners.iter().map(|runner| &*runner.statements().create).collect::<String>())?;
    db.fills(&[], true)?;
    let (jobs, queue) = sync_channel::<Job>(WAITING);
    std::thread::scope(|scope| {
        let writer = std::thread::Builder::new()
            .name("rebuild-writer".into())
            .spawn_scoped(scope, move || write(db, queue, bounds.transaction_rows))
            .map_err(|e| ReadModelError::BadQuestion(format!("the system gives no thread: {e}")))?;
        let built = fold_all(journal, runners, &jobs, bounds.row_bytes, progress);
        if built.is_ok() {
            progress(Progress { stage: Stage::Writing, done: 0, total: 0 });
            for runner in runners.iter() {
                let index = runner.statements().index.clone();
                send(&jobs, Some(Box::new(move |to: &mut Writer<'_>| Ok(to.db.define(&index)?))));
            }
        }
        drop(jobs);
        let db = writer.join().expect("invariant: the writer thread does not panic")?;
        let built = built?;
        let tables = runners.iter().flat_map(|runner| runner.stored_tables());
        db.fills(&tables.collect::<Vec<_>>(), false)?;
        Ok((db, built))
    })
}

/// Sends unless the writer has stopped; why it has is its own result.
fn send(jobs: &SyncSender<Job>, job: Option<Job>) -> bool {
    job.is_none_or(|job| jobs.send(job).is_ok())
}

fn write(db: Db, queue: Receiver<Job>, every: u64) -> Result<Db, ReadModelError> {
    let mut writer = Writer::begin(&db, every)?;
    for job in queue {
        job(&mut writer)?;
    }
    writer.commit()?;
    Ok(db)
}

/// Folds those that follow together in one pass, and hands their rows over; then those that follow apart in another.
fn fold_all(
    journal: &dyn Journal,
    runners: &mut [Box<dyn Runner>],
    jobs: &SyncSender<Job>,
    row_bytes: usize,
    progress: &mut dyn FnMut(Progress),
) -> Result<Built, ReadModelError> {
    let mut built = Built { position: 0, apart: 0, state: State::default() };
    for apart in [false, true] {
        let mut own: Vec<&mut Box<dyn Runner>> = runners.iter_mut().filter(|r| r.apart() == apart).collect();
        if own.is_empty() {
            continue;
        }
        let total = journal.head()?;
        let mut look = |runners: &mut Folded<'_>, done: Position| {
            progress(Progress { stage: Stage::Folding, done, total });
            let written = runners.iter_mut().all(|r| send(jobs, r.take_children(CHILD_CHUNK)));
            written && bytes(runners) <= row_bytes
        };
        // where positions are not dense, a stretch begins where no event is known to stand, and would be looked for
        let later = journal.dense().then(|| stretches::cut(total, stretches::LEAST, &own)).flatten();
        let (position, state) = match later {
            Some(later) => {
                let through = stretches::fold_beside(journal, &mut own, later, row_bytes, &mut look)?;
                (through, State::default())
            }
            None => fold(journal, &mut own, (0, None), &mut look)?,
        };
        if apart {
            built.apart = position;
        } else {
            (built.position, built.state) = (position, state);
        }
        for runner in own {
            send(jobs, runner.take_children(1));
            send(jobs, Some(runner.take_rows()));
        }
    }
    Ok(built)
}

/// Bytes of memory that rows take, about.
pub(super) fn bytes(runners: &Folded<'_>) -> usize {
    runners.iter().map(|r| r.bytes()).sum()
}

/// Folds the events after a position, up to another where one is named. Every so many events `look` is asked whether to
/// go on. Returns how far it came.
pub(super) fn fold(
    journal: &dyn Journal,
    runners: &mut Folded<'_>,
    (after, upto): (Position, Option<Position>),
    look: Look<'_>,
) -> Result<(Position, State), ReadModelError> {
    let kinds = runners.iter().fold(KindSet::default(), |set, r| set.or(r.kinds()));
    let mut decoder = Decoder::new(kinds, World::default());
    let (mut events, mut recorded_at) = (0u64, 0);
    let passed = decoder.scan(journal, after, upto, &mut |e, world| {
        let mut keys = Keys::with_capacity(8);
        for runner in runners.iter_mut() {
            if runner.kinds().has(e.kind) {
                runner.apply(e, world, &mut keys, None)?;
            }
        }
        events += 1;
        recorded_at = e.recorded_at;
        if events.is_multiple_of(EVERY) && !look(runners, e.position) {
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let stopped = passed.failed.filter(|e| {
        // what came before an event that cannot be read is kept; following then stops there, and says so
        !matches!(e, ReadModelError::Undecodable { .. } | ReadModelError::BadRefs { .. })
    });
    match stopped {
        Some(e) => Err(e),
        None => Ok((passed.scanned.through, State { world: decoder.world, recorded_at })),
    }
}

/// Makes a file of all models beside `path`, whole and durable; the caller puts it in place.
pub(crate) fn build_file(
    path: &Path,
    journal: &dyn Journal,
    mut runners: Vec<Box<dyn Runner>>,
    bounds: Bounds,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), ReadModelError> {
    remove(path)?;
    let db = meta::create(path)?;
    let (db, built) = build(db, journal, &mut runners, bounds, progress)?;
    for runner in &runners {
        db.define(&runner.statements().views)?;
        meta::put_model(&db, &stored(runner.as_ref(), 1, built.of(runner.as_ref())))?;
    }
    meta::put_state(&db, &State::default(), &built.state)?;
    if built.position.max(built.apart) > 0 {
        meta::bind_to(&db, journal)?;
    }
    if let Db::Sqlite(db) = db {
        meta::complete(&db)?;
        db.close().map_err(|(_, e)| e)?;
    }
    let file = std::fs::File::open(path).map_err(|e| ReadModelError::file(path, &e))?;
    file.sync_all().map_err(|e| ReadModelError::file(path, &e))
}

/// What a rebuild of some models into a file of their own took, for measurements.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Events of the journal.
    pub events: u64,
    /// Bytes of the file made.
    pub bytes: u64,
    /// From the first event read to the file's fsync.
    pub took: std::time::Duration,
}

/// Makes the models named, all where none is, in a new file at `path`: the same work as a rebuild, without a
/// file to replace. What [`Snapshot::replay`](super::Snapshot::replay) folds, this also stores, durably.
///
/// # Errors
/// [`ReadModelError`].
pub fn measure_rebuild(
    path: &Path,
    journal: &dyn Journal,
    names: &[&str],
) -> Result<Measured, ReadModelError> {
    let runners = crate::models::selected(names, super::runner::Children::Write)?;
    let started = std::time::Instant::now();
    build_file(path, journal, runners, Bounds::ALONE, &mut |_| {})?;
    let took = started.elapsed();
    let bytes = std::fs::metadata(path).map_err(|e| ReadModelError::file(path, &e))?.len();
    Ok(Measured { events: journal.head()?, bytes, took })
}

/// A model as it stands after a build.
pub(crate) fn stored(runner: &dyn Runner, generation: u32, position: Position) -> Stored {
    Stored { model: runner.name().to_owned(), version: runner.version(), generation, position }
}

/// Removes a database file with what belongs to it.
pub(crate) fn remove(path: &Path) -> Result<(), ReadModelError> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match std::fs::remove_file(Path::new(&name)) {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(ReadModelError::file(path, &e)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::ReadModels;
    use crate::engine::runner::Children;
    use crate::engine::testing::deposits;
    use crate::models;

    #[test]
    fn a_build_that_has_no_memory_for_more_rows_ends_early_and_following_goes_on_from_there() {
        let journal = deposits(2 * EVERY);
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("short.db");
        let bounds = Bounds { row_bytes: 1, ..Bounds::ALONE };
        build_file(&path, &journal, models::all(Children::Write), bounds, &mut |_| {}).unwrap();
        let stored = meta::models(&meta::open(&path).unwrap()).unwrap();
        // the one that follows apart keeps nothing of deposits
        let stored = stored.iter().filter(|m| m.model != "traffic_days");
        let at: Vec<_> = stored.map(|m| m.position).collect();
        assert!(at.iter().all(|p| *p == EVERY), "{at:?}");

        let journal: Arc<dyn Journal> = Arc::new(journal);
        let short = ReadModels::open(&path, Arc::clone(&journal), &mut |_| {}).unwrap();
        let whole = ReadModels::open(room.path().join("whole.db"), journal, &mut |_| {}).unwrap();
        assert_eq!(short.applied(), 2 * EVERY);
        assert_eq!(short.digests().unwrap(), whole.digests().unwrap());
    }
}
