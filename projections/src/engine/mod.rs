//! One engine gives every model live following, rebuilds, answers as of any moment, and digests.
//!
//! | what | how | cost |
//! |---|---|---|
//! | live ([`ReadModels::catch_up`], [`Follower`]) | load touched rows, fold, write rows and checkpoint in one transaction | bounded by rows touched |
//! | rebuild of all | a new file, folded on one thread and written on another, indexes last, fsync, rename | events once, rows once |
//! | rebuild of some | tables `name__rN` beside the old, then the view `name` flips in one transaction | the same |
//! | as of ([`ReadModels::as_of`]) | the same folds in memory over a prefix or a cut of the journal | events once |
//! | as of, one entity | the same over the streams that the entity index names | its own events |
//!
//! The journal and the read models are two files: in one file a projector cuts appends by five to ten times.
//! The file of read models can always be made again, so it runs with `synchronous=NORMAL`.

mod asof;
mod digests;
mod error;
mod follower;
mod live;
mod making;
mod meta;
mod pass;
mod readers;
mod rebuild;
pub(crate) mod runner;
mod slots;
pub(crate) mod sql;
mod status;
pub(crate) mod store;
mod stretches;
pub(crate) mod table;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod traffic;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use daybook_journal::{Journal, Position};
use parking_lot::{Condvar, Mutex};

pub use asof::{AsOf, AsWritten, EachEvent, EachStep, Events, Snapshot};
pub use error::ReadModelError;
pub use follower::Follower;
pub use live::BATCH_EVENTS;
pub(crate) use readers::Reading;
pub use rebuild::{Measured, measure_rebuild};
pub use status::{Freshness, ModelStatus, Progress, Stage, Status};
pub use store::place::Place;

use crate::digest::TableDigest;
use crate::metrics::Sites;
use crate::models;
use crate::world::World;
use live::{Batch, Live};
use readers::Readers;
use runner::Children;
use store::place::Seat;

/// From this many events behind, and more behind than done, making anew is faster than following.
const REBUILD_FROM: u64 = 50_000;

/// The read models of one journal in one file. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct ReadModels {
    inner: Arc<Inner>,
}

struct Inner {
    seat: Seat,
    journal: Arc<dyn Journal>,
    /// The one writer; `None` while the file is being replaced.
    live: Mutex<Option<Live>>,
    readers: Readers,
    /// One rebuild at a time.
    rebuilding: Mutex<()>,
    applied: Mutex<Applied>,
    moved: Condvar,
    /// Somebody waits for the models, who rest.
    hurry: Condvar,
    stopped: Mutex<Option<String>>,
    /// Why those that follow apart have.
    apart_stopped: Mutex<Option<String>>,
    /// Whether this process has made the whole file already.
    made: AtomicBool,
    /// The lists by which channels are told, where any were named.
    sites: Option<Arc<Sites>>,
    /// Whether this process keeps following, and lets nobody else follow meanwhile where that can be told.
    keeps_lease: AtomicBool,
}

/// How far the models have come, and how many wait for them to come further.
#[derive(Default)]
struct Applied {
    position: Position,
    waiting: usize,
}

impl std::fmt::Debug for ReadModels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadModels").field("path", &self.inner.seat.shown()).finish_non_exhaustive()
    }
}

/// A wait for another process that follows.
struct Waiting {
    keeps: bool,
    at: Position,
    since: Instant,
}

/// How long who wants an answer waits for another process that follows and does not come further.
const STANDSTILL: Duration = Duration::from_secs(10);
/// How long who keeps following does.
const GLANCE: Duration = Duration::from_millis(100);

impl Waiting {
    /// Waits a moment; whether to look again.
    fn goes_on(&mut self, batch: &Batch, live: &Live) -> Result<bool, ReadModelError> {
        if batch.applied > self.at {
            (self.at, self.since) = (batch.applied, Instant::now());
        }
        let longest = if self.keeps { GLANCE } else { STANDSTILL };
        if self.since.elapsed() < longest {
            std::thread::sleep(Duration::from_millis(5));
            return Ok(true);
        }
        if self.keeps {
            return Ok(false);
        }
        Err(ReadModelError::Store {
            path: live.shown(),
            why: format!(
                "{} follows the journal, stands at position {} of {} and does not come further: see what it says, or stop it",
                live.holder()?,
                batch.applied,
                batch.head
            ),
            transient: true,
        })
    }
}

impl ReadModels {
    /// Opens the file, makes what is missing or of another version, and catches up with the journal.
    ///
    /// # Errors
    /// [`ReadModelError`]; `BadQuestion` when `path` is a file of something else.
    pub fn open(
        place: impl Into<Place>,
        journal: Arc<dyn Journal>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, ReadModelError> {
        Self::open_with(place, journal, None, progress)
    }

    /// As [`open`](Self::open), with the lists by which channels are told: figures that were made with others are made
    /// anew. Where none are named, those stand with which the file was made.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(
        place: impl Into<Place>,
        journal: Arc<dyn Journal>,
        sites: Option<Sites>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, ReadModelError> {
        let seat = Seat::of(place.into())?;
        let inner = Inner {
            readers: Readers::new(seat.clone()),
            seat,
            keeps_lease: AtomicBool::new(false),
            journal,
            live: Mutex::new(None),
            rebuilding: Mutex::new(()),
            applied: Mutex::default(),
            moved: Condvar::new(),
            hurry: Condvar::new(),
            stopped: Mutex::new(None),
            apart_stopped: Mutex::new(None),
            made: AtomicBool::new(false),
            sites: sites.map(Arc::new),
        };
        let this = Self { inner: Arc::new(inner) };
        let mut made = false;
        if this.must_be_made()? {
            let _other_processes = this.only_maker()?;
            if this.must_be_made()? {
                let built = this.build_all(progress)?;
                this.replace(&mut this.inner.live.lock(), built)?;
                made = true;
            }
        }
        if !made {
            let opened = Live::open(&this.inner.seat, this.inner.sites.clone())?;
            let stale = opened.stale();
            *this.inner.live.lock() = Some(opened);
            if !stale.is_empty() {
                tracing::info!(models = ?stale, "making read models of another version, or told by other lists, anew");
                this.rebuild(&stale, progress)?;
            }
        }
        this.catch_up(progress)?;
        Ok(this)
    }

    /// The journal that is followed.
    #[must_use]
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.inner.journal
    }

    /// Follows the journal to its head; returns how fresh the models are then.
    ///
    /// # Errors
    /// [`ReadModelError`]; an event that cannot be read stops the models before it.
    pub fn catch_up(&self, progress: &mut dyn FnMut(Progress)) -> Result<Freshness, ReadModelError> {
        let mut live = self.inner.live.lock();
        self.catch_up_locked(&mut live, progress)
    }

    fn catch_up_locked(
        &self,
        live: &mut Option<Live>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Freshness, ReadModelError> {
        let journal = self.inner.journal.as_ref();
        let done = (|| {
            if live.as_ref().is_none_or(|l| l.replaced(&self.inner.seat)) {
                self.inner.readers.close();
                *live = Some(Live::open(&self.inner.seat, self.inner.sites.clone())?);
            }
            let head = journal.head()?;
            let applied = live.as_ref().map_or(0, Live::applied);
            let behind = head.saturating_sub(applied);
            let far = behind >= REBUILD_FROM && behind > applied && !self.inner.made.load(Ordering::Relaxed);
            // somebody has taken a schema away under those who follow
            let gone = live.as_ref().is_some_and(|live| live.stored().is_empty());
            if (far || gone)
                && let Some(_alone) = self.inner.rebuilding.try_lock()
                && let Some(_other_processes) = self.only_maker_now()?
            {
                let built = self.build_all(progress)?;
                match self.replace(live, built) {
                    Err(error) if error.transient() => {
                        tracing::warn!(%error, "following goes on in the old read models");
                    }
                    done => done?,
                }
            }
            let live = self.opened(live)?;
            let mut unread = None;
            let mut waiting = self.waiting();
            let head = loop {
                let head = self.follow(live, progress)?;
                // one batch of those that follow apart, then the others again
                let behind = unread.is_none() && live.applied_apart().is_some_and(|at| at < head);
                match behind.then(|| live.batch(journal, BATCH_EVENTS, true)) {
                    None => break head,
                    Some(Ok(batch)) if batch.of_another => {
                        if !waiting.goes_on(&batch, live)? {
                            break head;
                        }
                    }
                    Some(Ok(batch)) if batch.events == 0 && batch.applied < head => break head,
                    Some(Ok(_)) => {}
                    Some(Err(e)) if e.transient() => return Err(e),
                    Some(Err(e)) => unread = Some(e.to_string()),
                }
            };
            *self.inner.apart_stopped.lock() = unread;
            Ok(Freshness { applied: live.applied(), head })
        })();
        if let Some(live) = live.as_ref() {
            self.moved_to(live.applied());
            if !self.inner.keeps_lease.load(Ordering::Relaxed) && !live.is_lost() {
                live.let_go()?;
            }
        }
        let apart = || self.inner.apart_stopped.lock().clone();
        *self.inner.stopped.lock() = done.as_ref().err().map(ToString::to_string).or_else(apart);
        done
    }

    /// Brings the models that follow together to the head, which it returns.
    fn follow(
        &self,
        live: &mut Live,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Position, ReadModelError> {
        let journal = self.inner.journal.as_ref();
        let mut head = journal.head()?;
        let mut waiting = self.waiting();
        while live.applied() < head {
            let batch = live.batch(journal, BATCH_EVENTS, false)?;
            self.moved_to(batch.applied);
            if batch.of_another && batch.applied < batch.head {
                if waiting.goes_on(&batch, live)? {
                    continue;
                }
                return Ok(batch.head);
            }
            progress(Progress { stage: Stage::Folding, done: batch.applied, total: batch.head });
            head = batch.head;
            if batch.events == 0 && batch.applied < head {
                break; // nothing visible yet: the next call goes on
            }
        }
        Ok(head)
    }

    fn waiting(&self) -> Waiting {
        // who keeps following looks again soon; who wants an answer waits for it
        let keeps = self.inner.keeps_lease.load(Ordering::Relaxed);
        Waiting { keeps, at: 0, since: Instant::now() }
    }

    /// From here on this process follows until it ends, and takes over where another one does no more.
    pub(crate) fn keeps_following(&self, keeps: bool) {
        self.inner.keeps_lease.store(keeps, Ordering::Relaxed);
    }

    /// Lets another process follow.
    pub(crate) fn lets_go(&self) {
        if let Some(live) = self.inner.live.lock().as_ref().filter(|live| !live.is_lost()) {
            // a session that cannot be told is gone, and its lease with it
            let _ = live.let_go();
        }
    }

    /// Whether the models that follow apart have stopped at an event that cannot be read.
    pub(crate) fn is_apart_stopped(&self) -> bool {
        self.inner.apart_stopped.lock().is_some()
    }

    fn moved_to(&self, position: Position) {
        self.inner.applied.lock().position = position;
        self.inner.moved.notify_all();
    }

    /// What has been applied, without asking the journal.
    #[must_use]
    pub fn applied(&self) -> Position {
        self.inner.applied.lock().position
    }

    /// Applied and head.
    ///
    /// # Errors
    /// [`ReadModelError::Journal`].
    pub fn freshness(&self) -> Result<Freshness, ReadModelError> {
        Ok(Freshness { applied: self.applied(), head: self.inner.journal.head()? })
    }

    /// Waits until everything through `position` is applied, at most `timeout`. Something must follow.
    ///
    /// # Errors
    /// [`ReadModelError::Behind`] says how far the models have come.
    pub fn wait_at_least(&self, position: Position, timeout: Duration) -> Result<Freshness, ReadModelError> {
        let until = Instant::now() + timeout;
        let mut at = self.inner.applied.lock();
        if at.position < position {
            at.waiting += 1;
            self.inner.hurry.notify_all();
            while at.position < position && !self.inner.moved.wait_until(&mut at, until).timed_out() {}
            at.waiting -= 1;
        }
        let applied = at.position;
        drop(at);
        let head = self.inner.journal.head()?.max(applied);
        if applied < position {
            return Err(ReadModelError::Behind { wanted: position, applied, head });
        }
        Ok(Freshness { applied, head })
    }

    /// Sleeps so long at most, and not while somebody waits for the models.
    fn rest(&self, longest: Duration) {
        let until = Instant::now() + longest;
        let mut at = self.inner.applied.lock();
        while at.waiting == 0 && !self.inner.hurry.wait_until(&mut at, until).timed_out() {}
    }

    /// Why following has stopped, if it has. Never waits.
    #[must_use]
    pub fn stopped(&self) -> Option<String> {
        self.inner.stopped.lock().clone()
    }

    /// How each model stands.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn status(&self) -> Result<Status, ReadModelError> {
        self.status_of(&mut self.inner.live.lock())
    }

    /// As [`status`](Self::status), without waiting for a batch under way: `None` while there is one.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn try_status(&self) -> Result<Option<Status>, ReadModelError> {
        self.inner.live.try_lock().map(|mut live| self.status_of(&mut live)).transpose()
    }

    fn status_of(&self, live: &mut Option<Live>) -> Result<Status, ReadModelError> {
        let head = self.inner.journal.head()?;
        let live = self.opened(live)?;
        let models = live.stored().iter().map(|s| ModelStatus {
            model: s.model.clone(),
            version: s.version,
            generation: s.generation,
            applied: s.position,
            lag_positions: head.saturating_sub(s.position),
        });
        Ok(Status {
            path: self.inner.seat.shown(),
            freshness: Freshness { applied: live.applied(), head },
            applied_recorded_at: live.recorded_at(),
            models: models.collect(),
            stopped: self.inner.stopped.lock().clone(),
        })
    }

    /// Digests of all tables, in the order of their names. Equal digests are equal rows.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn digests(&self) -> Result<Vec<TableDigest>, ReadModelError> {
        Self::digests_in(&*self.read()?)
    }

    /// As [`digests`](Self::digests), with the position they are of: both of one moment, however many processes
    /// follow.
    ///
    /// # Errors
    /// [`ReadModelError::Behind`] while one model stands before another: it has just been made anew.
    pub fn digests_at(&self) -> Result<(Position, Vec<TableDigest>), ReadModelError> {
        let db = self.read()?;
        let stored = meta::models(&db)?;
        let positions = stored.iter().map(|s| s.position);
        let applied = positions.clone().min().unwrap_or(0);
        let wanted = positions.max().unwrap_or(0);
        if applied < wanted {
            return Err(ReadModelError::Behind { wanted, applied, head: self.inner.journal.head()? });
        }
        Ok((applied, Self::digests_in(&db)?))
    }

    fn digests_in(db: &store::Db) -> Result<Vec<TableDigest>, ReadModelError> {
        let mut all = Vec::new();
        for runner in models::all(Children::Hash) {
            all.extend(runner.stored_digests(db)?);
        }
        all.sort_unstable_by_key(|d| d.table);
        Ok(all)
    }

    /// The closed periods, settings and time zone as the models know them.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn world(&self) -> Result<World, ReadModelError> {
        Ok(meta::state(&*self.read()?)?.world)
    }

    /// A connection for reading one consistent state.
    pub(crate) fn read(&self) -> Result<Reading<'_>, ReadModelError> {
        self.inner.readers.read()
    }

    /// The same, where nothing has to be waited for.
    pub(crate) fn read_now(&self) -> Result<Option<Reading<'_>>, ReadModelError> {
        self.inner.readers.read_now()
    }
}
