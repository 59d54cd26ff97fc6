//! Making read models anew: all of them in a new file, or some beside their live tables.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
use rusqlite::{Connection, OptionalExtension as _};

use super::error::ReadModelError;
use super::live::Live;
use super::meta::{self, Stored};
use super::rebuild::{self, Bounds};
use super::runner::{Children, Runner};
use super::status::{Freshness, Progress};
use super::{ReadModels, readers};
use crate::metrics::Sites;
use crate::models;

/// A model made beside its live tables, not yet shown.
pub(super) struct Rebuilt {
    pub(super) runner: Box<dyn Runner>,
    pub(super) stored: Stored,
}

/// The lists with which a file was made; none where it has none yet, or is of a version that kept none.
fn read_sites(db: &Connection) -> Result<Option<Sites>, ReadModelError> {
    let kept = sites_of(db).map_err(|error| match error.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => ReadModelError::BadSites { why: error.to_string() },
        _ => error.into(),
    })?;
    kept.map(|kept| Sites::read(&kept)).transpose()
}

/// The same as they are kept.
fn sites_of(db: &Connection) -> rusqlite::Result<Option<String>> {
    let mut find =
        db.prepare_cached("SELECT EXISTS(SELECT 1 FROM sqlite_schema WHERE name = '_traffic_sites')")?;
    if !find.query_row([], |row| row.get(0))? {
        return Ok(None);
    }
    db.prepare_cached("SELECT lists FROM _traffic_sites")?.query_row([], |row| row.get(0)).optional()
}

impl ReadModels {
    /// Whether the file is missing, of another layout or of another journal.
    pub(super) fn must_be_made(&self) -> Result<bool, ReadModelError> {
        if !self.inner.path.exists() {
            return Ok(true);
        }
        let db = meta::open(&self.inner.path)?;
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
            self.replace(&mut self.inner.live.lock(), &built)?;
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
    pub fn sites_kept_in(path: &Path) -> Result<Option<Sites>, ReadModelError> {
        if path.exists() { read_sites(&meta::open_untouched(path)?) } else { Ok(None) }
    }

    /// Whether channels are told in the file as they are to be.
    pub(crate) fn is_told_so(&self, db: &Connection) -> Result<bool, ReadModelError> {
        let Some(named) = &self.inner.sites else { return Ok(true) };
        Ok(sites_of(db)?.is_some_and(|kept| kept == named.as_kept()))
    }

    /// Lets models that are made tell channels as those of the file do, or as was named. A file that is none, or has
    /// no lists yet, names none.
    ///
    /// # Errors
    /// [`ReadModelError`], where the lists of the file cannot be read: others would tell other channels.
    pub(super) fn tell_sites(&self, runners: &mut [Box<dyn Runner>]) -> Result<(), ReadModelError> {
        let sites = match &self.inner.sites {
            Some(named) => Some(Arc::clone(named)),
            None if self.inner.path.exists() => {
                read_sites(&meta::open_reader(&self.inner.path)?)?.map(Arc::new)
            }
            None => None,
        };
        if let Some(sites) = sites {
            runners.iter_mut().for_each(|runner| runner.tell(&sites));
        }
        Ok(())
    }

    /// Makes a file of all models beside the one in use.
    pub(super) fn build_all(&self, progress: &mut dyn FnMut(Progress)) -> Result<PathBuf, ReadModelError> {
        let beside = self.beside(".rebuild");
        let mut all = models::all(Children::Write);
        self.tell_sites(&mut all)?;
        rebuild::build_file(&beside, self.inner.journal.as_ref(), all, Bounds::ALONE, progress)?;
        // a build that ended early for want of memory is not tried again: following goes on from there
        self.inner.made.store(true, Ordering::Relaxed);
        Ok(beside)
    }

    /// Puts a file that was built in place of the one in use.
    pub(super) fn replace(&self, live: &mut Option<Live>, built: &Path) -> Result<(), ReadModelError> {
        let path = &self.inner.path;
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
            None => Ok(live.insert(Live::open(&self.inner.path, self.inner.sites.clone())?)),
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
            let generation = self.opened(&mut live)?.next_generation(runner.as_ref())?;
            runner.attach(generation, None)?;
            generations.push(generation);
        }
        let db = meta::open(&self.inner.path)?;
        let journal = self.inner.journal.as_ref();
        let (_, built) = rebuild::build(db, journal, &mut runners, Bounds::BESIDE, progress)?;
        let rebuilt = |(runner, generation): (Box<dyn Runner>, u32)| {
            let stored = rebuild::stored(runner.as_ref(), generation, built.of(runner.as_ref()));
            Rebuilt { runner, stored }
        };
        Ok(runners.into_iter().zip(generations).map(rebuilt).collect())
    }

    /// Keeps other processes from making read models of this file at the same time; waits for one that does.
    pub(super) fn only_maker(&self) -> Result<File, ReadModelError> {
        let (file, path) = self.maker_lock()?;
        file.lock().map_err(|e| ReadModelError::file(&path, &e))?;
        Ok(file)
    }

    /// As [`only_maker`](Self::only_maker); none when another process is at it.
    pub(super) fn only_maker_now(&self) -> Result<Option<File>, ReadModelError> {
        let (file, _) = self.maker_lock()?;
        Ok(file.try_lock().is_ok().then_some(file))
    }

    fn maker_lock(&self) -> Result<(File, PathBuf), ReadModelError> {
        let path = self.beside(".rebuild-lock");
        let file = File::create(&path).map_err(|e| ReadModelError::file(&path, &e))?;
        Ok((file, path))
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut path = self.inner.path.as_os_str().to_owned();
        path.push(suffix);
        PathBuf::from(path)
    }
}
