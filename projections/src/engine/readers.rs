//! Connections that read: kept open, given out one at a time, closed while the file is replaced.

use std::ops::Deref;
use std::path::Path;

use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use rusqlite::Connection;
use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};

use super::error::ReadModelError;
use super::store::Db;
use super::store::place::Seat;
use super::{meta, rebuild};

/// Most connections kept open when nobody reads.
const IDLE: usize = 8;

pub(crate) struct Readers {
    seat: Seat,
    /// Held for reading by each query, for writing while the file is replaced.
    open: RwLock<()>,
    idle: Mutex<Vec<Db>>,
}

impl Readers {
    pub(crate) fn new(seat: Seat) -> Self {
        Self { seat, open: RwLock::new(()), idle: Mutex::new(Vec::new()) }
    }

    /// A connection in a read transaction: everything it sees is of one moment.
    pub(crate) fn read(&self) -> Result<Reading<'_>, ReadModelError> {
        self.lend(self.open.read())
    }

    /// The same at once; none while the file is replaced, or is about to be, and none of a server, which is always waited for.
    pub(crate) fn read_now(&self) -> Result<Option<Reading<'_>>, ReadModelError> {
        if matches!(self.seat, Seat::Database(_)) {
            return Ok(None);
        }
        self.open.try_read().map(|held| self.lend(held)).transpose()
    }

    fn lend<'r>(&'r self, held: RwLockReadGuard<'r, ()>) -> Result<Reading<'r>, ReadModelError> {
        loop {
            let idle = self.idle.lock().pop();
            let Some(db) = idle else { break };
            match db.begin_reading() {
                Ok(()) => return Ok(Reading { db: Some(db), readers: self, _held: held }),
                // it was open while the server was not: another one may be as well, a new one is not
                Err(_) if db.is_lost() => {}
                Err(e) => return Err(e.into()),
            }
        }
        let db = meta::open_reader_at(&self.seat)?;
        db.begin_reading()?;
        Ok(Reading { db: Some(db), readers: self, _held: held })
    }

    /// Closes what nobody uses.
    pub(crate) fn close(&self) {
        self.idle.lock().clear();
    }

    /// Waits for running queries, closes all connections and keeps new ones out.
    pub(crate) fn close_and_hold(&self) -> RwLockWriteGuard<'_, ()> {
        let held = self.open.write();
        self.close();
        held
    }
}

/// A connection on loan.
pub(crate) struct Reading<'r> {
    db: Option<Db>,
    readers: &'r Readers,
    _held: RwLockReadGuard<'r, ()>,
}

impl Deref for Reading<'_> {
    type Target = Db;
    fn deref(&self) -> &Db {
        self.db.as_ref().expect("invariant: given back only when dropped")
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let Some(db) = self.db.take() else { return };
        let ended = db.commit();
        let mut idle = self.readers.idle.lock();
        if ended.is_ok() && idle.len() < IDLE {
            idle.push(db);
        }
    }
}

/// What tells one file from another of the same name: device and inode.
#[cfg(unix)]
pub(crate) fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

/// Elsewhere an open file cannot be renamed over.
#[cfg(not(unix))]
pub(crate) fn identity(path: &Path) -> Option<(u64, u64)> {
    path.exists().then_some((0, 0))
}

/// Takes the old file away with its write-ahead log, once nobody has it open.
pub(crate) fn retire(path: &Path) -> Result<(), ReadModelError> {
    if !path.exists() {
        return rebuild::remove(path);
    }
    let busy = |why: String| ReadModelError::Store {
        path: path.display().to_string(),
        why: format!(
            "another process has the read models open ({why}); stop it, or name the models to rebuild: they \
             are then made beside the old ones"
        ),
        transient: true,
    };
    let db = Connection::open(path)?;
    db.busy_timeout(std::time::Duration::from_secs(5))?;
    db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    // leaving WAL mode needs the file alone, and folds the log back into it
    let mode = db.pragma_update_and_check(None, "journal_mode", "DELETE", |r| r.get::<_, String>(0));
    match mode {
        Ok(mode) if mode == "delete" => {}
        Ok(mode) => return Err(busy(format!("journal mode {mode}"))),
        Err(e) if matches!(e.sqlite_error_code(), Some(NotADatabase | DatabaseCorrupt)) => {}
        Err(e) => return Err(busy(e.to_string())),
    }
    drop(db);
    rebuild::remove(path)
}

/// Makes a rename durable.
pub(crate) fn sync_directory(path: &Path) -> Result<(), ReadModelError> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let directory = std::fs::File::open(parent).map_err(|e| ReadModelError::file(parent, &e))?;
    directory.sync_all().map_err(|e| ReadModelError::file(parent, &e))
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;
    use crate::engine::rebuild::Bounds;
    use crate::engine::runner::Children;
    use crate::engine::testing::deposits;
    use crate::models;

    #[test]
    fn a_question_is_planned_once_whatever_is_asked_with_it() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("views.db");
        let all = models::all(Children::Write);
        rebuild::build_file(&path, &deposits(3_000), all, Bounds::ALONE, &mut |_| {}).unwrap();
        let Db::Sqlite(db) = meta::open_reader(&path).unwrap() else { panic!("a file") };
        let mut question = db.prepare("SELECT count(*) FROM deposits WHERE merchant_id > ?").unwrap();
        for after in ["", "m", "z"] {
            question.query_row([after], |row| row.get::<_, i64>(0)).unwrap();
        }
        assert_eq!(question.get_status(StatementStatus::RePrepare), 0);
    }
}
