//! Opening what the URLs name.

use std::path::PathBuf;

use daybook_journal::SqliteJournal;

use crate::cli::{Global, Url};
use crate::failure::Failure;

impl Global {
    /// Where the read models are: as asked, else `daybook.views.db` beside `daybook.db`.
    pub fn read_models(&self) -> PathBuf {
        match &self.read_models {
            Some(Url(path)) => path.clone(),
            None => self.journal.0.with_extension("views.db"),
        }
    }

    /// The journal, for reading only: beside a process that writes it, or without one.
    pub fn read_journal(&self) -> Result<SqliteJournal, Failure> {
        self.must_exist()?;
        Ok(SqliteJournal::open_read_only(&self.journal.0)?)
    }

    /// Says how to make a journal when there is none.
    pub fn must_exist(&self) -> Result<(), Failure> {
        let path = &self.journal.0;
        if path.exists() {
            return Ok(());
        }
        Err(Failure::Unavailable(format!(
            "there is no journal at {}: make one with `daybook demo` or `daybook import olist DIR`, or name another \
             with --journal",
            path.display()
        )))
    }
}
