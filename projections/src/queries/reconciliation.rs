//! Statement files, their lines and breaks.

use crate::engine::store::params;
use crate::engine::{ReadModelError, ReadModels};
use crate::models::breaks::BreakRow;
use crate::models::statements::{StatementFileRow, StatementLineRow};

use super::{Page, bounded, parse_cursor, row, rows};

impl ReadModels {
    /// A statement file.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn statement_file(
        &self,
        provider_id: &str,
        digest: &str,
    ) -> Result<Option<StatementFileRow>, ReadModelError> {
        row(&*self.read()?, "WHERE provider_id = ? AND digest = ?", params![provider_id, digest])
    }

    /// Statement files of a provider, the earliest period first; `after` is the `next` of the page before.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn statement_files(
        &self,
        provider_id: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<StatementFileRow>, ReadModelError> {
        let limit = bounded(limit);
        let (at, digest) = parse_cursor(after)?.unwrap_or((i64::MIN, String::new()));
        let rest = "WHERE provider_id = ? AND (from_at, digest) > (?, ?) ORDER BY from_at, digest LIMIT ?";
        let found = rows(&*self.read()?, rest, params![provider_id, at, digest, (limit + 1)])?;
        Ok(Page::of(found, limit, |f: &StatementFileRow| format!("{}.{}", f.from_at, f.digest)))
    }

    /// Lines of a statement file in the order in which they were recorded, those after `number`.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn statement_lines(
        &self,
        provider_id: &str,
        digest: &str,
        number: i64,
        limit: u32,
    ) -> Result<Vec<StatementLineRow>, ReadModelError> {
        let rest = "WHERE provider_id = ? AND digest = ? AND number > ? ORDER BY number LIMIT ?";
        rows(&*self.read()?, rest, params![provider_id, digest, number, bounded(limit)])
    }

    /// Breaks, the oldest first: of one provider or of all, open ones alone or all; `after` is the `next` of
    /// the page before.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn breaks(
        &self,
        provider_id: Option<&str>,
        open_only: bool,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<BreakRow>, ReadModelError> {
        let limit = bounded(limit);
        let (at, id) = parse_cursor(after)?.unwrap_or((i64::MIN, String::new()));
        // one file taken under two names has breaks of one name under both
        let (name, of) = id.split_once(' ').unwrap_or((&id, ""));
        let open = if open_only { "open > 0 AND" } else { "" };
        let db = self.read()?;
        let found: Vec<BreakRow> = match provider_id {
            Some(provider) => {
                let rest = format!(
                    "WHERE {open} provider_id = ? AND (since, break_id) > (?, ?) ORDER BY since, break_id LIMIT ?"
                );
                rows(&db, &rest, params![provider, at, name, (limit + 1)])?
            }
            None => {
                let rest = format!(
                    "WHERE {open} (since, break_id, provider_id) > (?, ?, ?) \
                     ORDER BY since, break_id, provider_id LIMIT ?"
                );
                rows(&db, &rest, params![at, name, of, (limit + 1)])?
            }
        };
        Ok(Page::of(found, limit, |b: &BreakRow| format!("{}.{} {}", b.since, b.break_id, b.provider_id)))
    }

    /// Breaks of this name, of any provider: one, unless two providers' files begin alike.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn breaks_named(&self, break_id: &str) -> Result<Vec<BreakRow>, ReadModelError> {
        rows(&*self.read()?, "WHERE break_id = ? ORDER BY provider_id LIMIT 10", params![break_id])
    }
}
