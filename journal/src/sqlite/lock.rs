//! The lock file that keeps a second writer out. The operating system releases it with the process, however
//! that ends, so a stale file never has to be deleted.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::JournalError;

/// Holding this is being the one writer. Released on drop.
#[derive(Debug)]
pub(super) struct WriterLock {
    file: File,
}

/// The lock file of a journal: beside it, `.lock` appended.
pub(super) fn lock_path(journal: &Path) -> PathBuf {
    let mut name = journal.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

impl WriterLock {
    /// Takes the lock or says which process has it.
    pub(super) fn take(journal: &Path) -> Result<Self, JournalError> {
        let path = lock_path(journal);
        let unavailable = |error: std::io::Error| {
            JournalError::Unavailable(format!("cannot use the lock file {}: {error}", path.display()))
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(unavailable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Best effort: the holder may be just about to write its pid.
                let _ = file.read_to_string(&mut holder);
                let holder = match holder.trim() {
                    "" => "another process".to_owned(),
                    pid => format!("process {pid}"),
                };
                return Err(JournalError::Locked(format!(
                    "{} is being written by {holder} (lock file {}); stop it, or open the journal read-only",
                    journal.display(),
                    path.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(unavailable(error)),
        }
        file.set_len(0).map_err(unavailable)?;
        writeln!(file, "{}", std::process::id()).map_err(unavailable)?;
        Ok(Self { file })
    }
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        // An empty file says "nobody" to whoever looks.
        let _ = self.file.set_len(0);
        // Closing would do, unless this process is just starting another one, which has a copy of the file for
        // the moment between fork and exec.
        let _ = self.file.unlock();
    }
}
