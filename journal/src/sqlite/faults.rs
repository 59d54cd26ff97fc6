//! Where tests make the disk fail. Outside tests every hook is the plain call.

use std::fs::File;

use rusqlite::{Connection, Result as SqlResult};

#[cfg(not(test))]
#[derive(Clone, Default)]
pub(super) struct Faults {}

#[cfg(not(test))]
impl Faults {
    #[inline]
    pub(super) fn commit(&self, conn: &Connection) -> SqlResult<()> {
        conn.prepare_cached("COMMIT")?.execute([]).map(drop)
    }

    #[inline]
    #[allow(clippy::unused_self)]
    pub(super) fn sync(&self, log: &File) -> std::io::Result<()> {
        log.sync_data()
    }

    #[inline]
    #[allow(clippy::unused_self)]
    pub(super) fn limit(&self, _: &Connection) {}
}

#[cfg(test)]
pub(super) use self::injected::{Commit, Faults};

#[cfg(test)]
mod injected {
    use super::{Connection, File, SqlResult};
    use parking_lot::Mutex;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// How the next COMMIT goes.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Commit {
        /// As the disk says.
        Real,
        /// It fails and nothing is written.
        LostBefore,
        /// It is written, but the answer is an error.
        LostAfter,
    }

    #[derive(Clone)]
    pub(crate) struct Faults {
        /// Reset to `Real` when it has struck.
        pub commit: Arc<Mutex<Commit>>,
        /// Largest size of the file in pages.
        pub max_pages: Arc<Mutex<u32>>,
        /// A sync of the log waits while this is locked ...
        pub slow_disk: Arc<Mutex<()>>,
        /// ... and fails while this is set.
        pub bad_disk: Arc<AtomicBool>,
    }

    impl Default for Faults {
        fn default() -> Self {
            Self {
                commit: Arc::new(Mutex::new(Commit::Real)),
                max_pages: Arc::new(Mutex::new(u32::MAX - 1)),
                slow_disk: Arc::default(),
                bad_disk: Arc::default(),
            }
        }
    }

    impl Faults {
        pub(crate) fn commit(&self, conn: &Connection) -> SqlResult<()> {
            let how = std::mem::replace(&mut *self.commit.lock(), Commit::Real);
            if how != Commit::LostBefore {
                conn.execute_batch("COMMIT")?;
            }
            if how == Commit::Real {
                return Ok(());
            }
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
            Err(rusqlite::Error::SqliteFailure(code, Some("injected".into())))
        }

        pub(crate) fn sync(&self, log: &File) -> std::io::Result<()> {
            drop(self.slow_disk.lock());
            if self.bad_disk.load(Ordering::Relaxed) {
                return Err(std::io::Error::other("injected"));
            }
            log.sync_data()
        }

        pub(crate) fn limit(&self, conn: &Connection) {
            let pages = *self.max_pages.lock();
            let _ = conn.pragma_update(None, "max_page_count", pages);
        }
    }
}
