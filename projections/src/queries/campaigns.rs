//! Campaigns: their plans and what they cost.

use crate::engine::store::params;
use crate::engine::{ReadModelError, ReadModels};
use crate::models::campaigns::CampaignRow;

use super::{Page, bounded, row, rows};

impl ReadModels {
    /// A campaign.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn campaign(&self, campaign_id: &str) -> Result<Option<CampaignRow>, ReadModelError> {
        row(&*self.read()?, "WHERE campaign_id = ?", params![campaign_id])
    }

    /// Campaigns in the order in which they were planned; `after` is the `next` of the page before.
    ///
    /// # Errors
    /// [`ReadModelError::BadQuestion`] when `after` is none.
    pub fn campaigns(&self, after: Option<&str>, limit: u32) -> Result<Page<CampaignRow>, ReadModelError> {
        let limit = bounded(limit);
        let after: Option<i64> = after.map(str::parse).transpose().map_err(|_| {
            ReadModelError::BadQuestion("`after` is the `next` of the page before".to_owned())
        })?;
        let rest = "WHERE position > ?1 ORDER BY position LIMIT ?2";
        let found: Vec<CampaignRow> = rows(&*self.read()?, rest, params![after.unwrap_or(0), (limit + 1)])?;
        Ok(Page::of(found, limit, |campaign| campaign.position.to_string()))
    }
}
