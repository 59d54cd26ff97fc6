//! Making read models anew: all of them in a new file, or some beside their live tables.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::error::ReadModelError;
use super::live::{self, Live};
use super::meta::{self, State, Stored};
use super::rebuild::{self, Bounds, Built};
use super::runner::{Children, Runner};
use super::status::{Freshness, Progress};
use super::store::place::{Place, Seat};
use super::store::schema::Lease;
use super::store::{self, Db, Optional as _};
use super::{ReadModels, readers};
use crate::metrics::Sites;
use crate::models;

/// A model made beside its live tables, not yet shown.
pub(super) struct Rebuilt {
    pub(super) runner: Box<dyn Runner>,
    pub(super) stored: Stored,
}

/// All models made anew, not yet shown.
pub(super) enum BuiltAll {
    /// In a file beside the one in use.
    File(PathBuf),
    /// In tables beside those in use, by a session.
    Tables(Box<Db>, Vec<Rebuilt>, State),
}

/// What keeps other processes from making read models at the same time, while it is held.
pub(super) enum OnlyMaker {
    File { _locked: File },
    Session { _leased: Box<Db> },
}

/// Pause of who waits for another process to have made its models.
const PAUSE: Duration = Duration::from_millis(100);

/// The lists with which a file was made; none where it has none yet, or is of a version that kept none.
fn read_sites(db: &Db) -> Result<Option<Sites>, ReadModelError> {
    let kept = sites_of(db).map_err(|error| match error {
        error if error.is_damage() => ReadModelError::BadSites { why: error.to_string() },
        error => error.into(),
    })?;
    kept.map(|kept| Sites::read(&kept)).transpose()
}

/// The same as they are kept.
fn sites_of(db: &Db) -> store::Result<Option<String>> {
    if !db.has("_traffic_sites")? {
        return Ok(None);
    }
    db.query_row("SELECT lists FROM _traffic_sites", &[], |row| row.get(0)).optional()
}

impl ReadModels {
    /// Whether the file is missing, of another layout or of another journal.
    pub(super) fn must_be_made(&self) -> Result<bool, ReadModelError> {
        if matches!(&self.inner.seat, Seat::File(path) if !path.exists()) {
            return Ok(true);
        }
        let db = meta::open_at(&self.inner.seat)?;
        let unfit = meta::fit(&db, self.inner.journal.as_ref())?.err();
        if let Some(why) = unfit {
            tracing::info!(?why, "making all read models anew");
        }
        Ok(unfit.is_some())
    }

    /// Makes these models anew from the whole journal, or all of them where none is named. Readers see the
    /// old rows, and followers go on with them, until the new ones are whole.
    ///
    /// # Errors
    /// [`ReadModelError`]; `UnknownModel` names those there are.
    pub fn rebuild(
        &self,
        names: &[&str],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Freshness, ReadModelError> {
        let mut runners = models::selected(names, Children::Write)?;
        self.tell_sites(&mut runners)?;
        let _alone = self.inner.rebuilding.lock();
        let _other_processes = self.only_maker()?;
        if names.is_empty() {
            let built = self.build_all(progress)?;
            self.replace(&mut self.inner.live.lock(), built)?;
        } else {
            let built = self.build_some(runners, progress)?;
            let mut live = self.inner.live.lock();
            self.opened(&mut live)?.flip(self.journal().as_ref(), &built)?;
        }
        self.catch_up(progress)
    }

    /// The lists by which channels are told: those that were named when the file was opened, else those with which it
    /// was made.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn sites(&self) -> Result<Arc<Sites>, ReadModelError> {
        match &self.inner.sites {
            Some(named) => Ok(Arc::clone(named)),
            None => Ok(Arc::new(read_sites(&*self.read()?)?.unwrap_or_default())),
        }
    }

    /// The lists with which a file of read models was made, for who must not open these: nothing is changed, made or
    /// locked. None where there is no file, or it has no lists yet.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn sites_kept_in(place: impl Into<Place>) -> Result<Option<Sites>, ReadModelError> {
        match Seat::of(place.into())? {
            Seat::File(path) if path.exists() => read_sites(&meta::open_untouched(&path)?),
            Seat::File(_) => Ok(None),
            Seat::Database(target) => {
                let db = Db::to_read(&target)?;
                if db.is_founded(&target)? { read_sites(&db) } else { Ok(None) }
            }
        }
    }

    /// Whether channels are told in the file as they are to be.
    pub(crate) fn is_told_so(&self, db: &Db) -> Result<bool, ReadModelError> {
        let Some(named) = &self.inner.sites else { return Ok(true) };
        Ok(sites_of(db)?.is_some_and(|kept| kept == named.as_kept()))
    }

    /// Lets models that are made tell channels as those of the file do, or as was named. A file that is none, or has
    /// no lists yet, names none.
    ///
    /// # Errors
    /// [`ReadModelError`], where the lists of the file cannot be read: others would tell other channels.
    pub(super) fn tell_sites(&self, runners: &mut [Box<dyn Runner>]) -> Result<(), ReadModelError> {
        let sites = match (&self.inner.sites, &self.inner.seat) {
            (Some(named), _) => Some(Arc::clone(named)),
            (None, Seat::File(path)) if !path.exists() => None,
            (None, seat) => read_sites(&meta::open_reader_at(seat)?)?.map(Arc::new),
        };
        if let Some(sites) = sites {
            runners.iter_mut().for_each(|runner| runner.tell(&sites));
        }
        Ok(())
    }

    /// Makes all models beside those in use.
    pub(super) fn build_all(&self, progress: &mut dyn FnMut(Progress)) -> Result<BuiltAll, ReadModelError> {
        let mut all = models::all(Children::Write);
        self.tell_sites(&mut all)?;
        let journal = self.inner.journal.as_ref();
        let built = match &self.inner.seat {
            Seat::File(path) => {
                let beside = beside(path, ".rebuild");
                rebuild::build_file(&beside, journal, all, Bounds::ALONE, progress)?;
                BuiltAll::File(beside)
            }
            Seat::Database(target) => {
                let db = Db::to_write(target)?;
                let generations = live::next_generations(&db, &mut all)?;
                let (db, built) = rebuild::build(db, journal, &mut all, Bounds::ALONE, progress)?;
                let tables = rebuilt(all, &generations, &built);
                BuiltAll::Tables(Box::new(db), tables, built.state)
            }
        };
        // a build that ended early for want of memory is not tried again: following goes on from there
        self.inner.made.store(true, Ordering::Relaxed);
        Ok(built)
    }

    /// Puts what was built in place of what is in use.
    pub(super) fn replace(&self, live: &mut Option<Live>, built: BuiltAll) -> Result<(), ReadModelError> {
        match (built, &self.inner.seat) {
            (BuiltAll::File(built), Seat::File(path)) => self.replace_file(live, path, &built),
            (BuiltAll::Tables(db, tables, state), _) => {
                live::flip_all(&db, self.inner.journal.as_ref(), &tables, &state)?;
                *live = None;
                self.moved_to(self.opened(live)?.applied());
                Ok(())
            }
            (BuiltAll::File(built), Seat::Database(_)) => rebuild::remove(&built),
        }
    }

    fn replace_file(&self, live: &mut Option<Live>, path: &Path, built: &Path) -> Result<(), ReadModelError> {
        // from here to the rename nobody reads: the old file goes with its log, or its log would be
        // replayed into the new one
        let closed = self.inner.readers.close_and_hold();
        *live = None;
        let renamed = readers::retire(path).and_then(|()| {
            std::fs::rename(built, path).map_err(|e| ReadModelError::file(path, &e))?;
            readers::sync_directory(path)
        });
        // where the old file could not be retired, it is still there and goes on
        let opened = self.opened(live).map(|opened| opened.applied());
        drop(closed);
        if let Err(refused) = renamed {
            rebuild::remove(built)?;
            return Err(refused);
        }
        self.moved_to(opened?);
        Ok(())
    }

    /// The one writer; opened again where an earlier attempt to replace the file left none.
    pub(super) fn opened<'l>(&self, live: &'l mut Option<Live>) -> Result<&'l mut Live, ReadModelError> {
        match live {
            Some(live) => Ok(live),
            None => Ok(live.insert(Live::open(&self.inner.seat, self.inner.sites.clone())?)),
        }
    }

    /// Makes tables beside the live ones in the same file, in a generation of their own.
    fn build_some(
        &self,
        mut runners: Vec<Box<dyn Runner>>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<Rebuilt>, ReadModelError> {
        let mut generations = Vec::new();
        for runner in &mut runners {
            let mut live = self.inner.live.lock();
            let generation = live::next_generation(&self.opened(&mut live)?.db, runner.as_ref())?;
            runner.attach(generation, None)?;
            generations.push(generation);
        }
        let db = meta::open_at(&self.inner.seat)?;
        let journal = self.inner.journal.as_ref();
        // nobody waits for who writes other tables of a server
        let bounds = if matches!(db, Db::Sqlite(_)) { Bounds::BESIDE } else { Bounds::ALONE };
        let (_, built) = rebuild::build(db, journal, &mut runners, bounds, progress)?;
        Ok(rebuilt(runners, &generations, &built))
    }

    /// Keeps other processes from making read models of this file at the same time; waits for one that does.
    pub(super) fn only_maker(&self) -> Result<OnlyMaker, ReadModelError> {
        match &self.inner.seat {
            Seat::File(path) => {
                let (file, path) = maker_lock(path)?;
                file.lock().map_err(|e| ReadModelError::file(&path, &e))?;
                Ok(OnlyMaker::File { _locked: file })
            }
            Seat::Database(target) => {
                let db = Db::to_write(target)?;
                while !db.take(Lease::Making)? {
                    std::thread::sleep(PAUSE);
                }
                Ok(OnlyMaker::Session { _leased: Box::new(db) })
            }
        }
    }

    /// As [`only_maker`](Self::only_maker); none when another process is at it.
    pub(super) fn only_maker_now(&self) -> Result<Option<OnlyMaker>, ReadModelError> {
        match &self.inner.seat {
            Seat::File(path) => {
                let (file, _) = maker_lock(path)?;
                Ok(file.try_lock().is_ok().then_some(OnlyMaker::File { _locked: file }))
            }
            Seat::Database(target) => {
                let db = Db::to_write(target)?;
                Ok(db.take(Lease::Making)?.then(|| OnlyMaker::Session { _leased: Box::new(db) }))
            }
        }
    }
}

/// Models as they were built, in these generations.
fn rebuilt(runners: Vec<Box<dyn Runner>>, generations: &[u32], built: &Built) -> Vec<Rebuilt> {
    let rebuilt = |(runner, generation): (Box<dyn Runner>, &u32)| {
        let stored = rebuild::stored(runner.as_ref(), *generation, built.of(runner.as_ref()));
        Rebuilt { runner, stored }
    };
    runners.into_iter().zip(generations).map(rebuilt).collect()
}

fn maker_lock(path: &Path) -> Result<(File, PathBuf), ReadModelError> {
    let path = beside(path, ".rebuild-lock");
    let file = File::create(&path).map_err(|e| ReadModelError::file(&path, &e))?;
    Ok((file, path))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    PathBuf::from(path)
}
