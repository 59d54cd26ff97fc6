//! Leads: who might become a merchant.

use daybook_journal::{Micros, Position};

use crate::engine::store::params;
use crate::engine::{ReadModelError, ReadModels};
use crate::models::leads::LeadRow;

use super::{Page, bounded, row, rows};

/// Which leads a list holds.
#[derive(Clone, Copy, Debug)]
pub struct LeadsWanted<'a> {
    /// In this state.
    pub state: Option<&'a str>,
    /// Of this channel.
    pub origin: Option<&'a str>,
    /// First in touch from this instant on. Microseconds.
    pub from: Option<Micros>,
    /// First in touch through this instant. Microseconds.
    pub to: Option<Micros>,
    /// The last captured first; else the first captured first.
    pub newest_first: bool,
    /// Captured up to this position of the journal.
    pub upto: Position,
}

impl ReadModels {
    /// A lead.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn lead(&self, lead_id: &str) -> Result<Option<LeadRow>, ReadModelError> {
        row(&*self.read()?, "WHERE lead_id = ?", params![lead_id])
    }

    /// Leads in the order in which they were captured; `after` is the `next` of the page before.
    ///
    /// # Errors
    /// [`ReadModelError::BadQuestion`] when `after` is none.
    pub fn leads(
        &self,
        wanted: LeadsWanted<'_>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<LeadRow>, ReadModelError> {
        let limit = bounded(limit);
        let upto = i64::try_from(wanted.upto).unwrap_or(i64::MAX);
        let after: Option<i64> = after.map(str::parse).transpose().map_err(|_| {
            ReadModelError::BadQuestion("`after` is the `next` of the page before".to_owned())
        })?;
        let (beyond, way, edge) = if wanted.newest_first { ("<", "DESC", i64::MAX) } else { (">", "ASC", 0) };
        let (from, to) = (wanted.from.unwrap_or(i64::MIN), wanted.to.unwrap_or(i64::MAX));
        let (state, of_state) = wanted.state.map_or(("", "?5 = ''"), |state| (state, "state = ?5"));
        let rest = format!(
            "WHERE {of_state} AND position {beyond} ?1 AND position <= ?2 AND (?6 = '' OR origin = ?6) \
             AND coalesce(first_contact, 0) >= ?3 AND coalesce(first_contact, 0) <= ?4 ORDER BY position {way} LIMIT ?7"
        );
        let origin = wanted.origin.unwrap_or_default();
        let found: Vec<LeadRow> = rows(
            &*self.read()?,
            &rest,
            params![after.unwrap_or(edge), upto, from, to, state, origin, limit + 1],
        )?;
        Ok(Page::of(found, limit, |lead| lead.position.to_string()))
    }
}
