//! What is owed, stated once in each business day.

use std::time::Duration;

use chrono::NaiveDate;
use daybook_domain::{PartyId, Timestamp};
use daybook_projections::ReadModels;
use daybook_proofs::Blinding;
use uuid::Uuid;

use super::liabilities::{Owed, statements};
use crate::transparency::TransparencyError;
use crate::{AnyCommand, AnyRequest, Market};

/// How late a day's statement may be.
const TICK: Duration = Duration::from_secs(60);

impl Market {
    /// States what is owed once in each business day, for as long as it is let. What is in the way is told in the program's log, and tried
    /// again. Stopped anywhere and begun again it states a day once.
    pub async fn state_liabilities_daily(&self, models: &ReadModels, blinding: &Blinding) {
        let mut done = None;
        loop {
            match self.state_day(models, blinding, done).await {
                Ok(day) => done = day,
                Err(error) => tracing::error!(%error, "what is owed is not stated"),
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// States what is owed on a business day that is not `done` yet; which day that is.
    async fn state_day(
        &self,
        models: &ReadModels,
        blinding: &Blinding,
        done: Option<NaiveDate>,
    ) -> Result<Option<NaiveDate>, TransparencyError> {
        // a market that is not open owes nothing
        let Ok(today) = self.business_day() else { return Ok(done) };
        if done == Some(today) {
            return Ok(done);
        }
        let last = statements(self.journal().as_ref(), self.id())?.pop();
        let last = last.map(|last| self.business_day_of(Timestamp(last.at))).transpose()?;
        if last != Some(today) {
            let name = format!("state liabilities {} {today}", self.id());
            let command_id = Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes());
            let actor = PartyId::new("system").expect("invariant: the word is an id");
            let id = self.id();
            let request = |command| AnyRequest::new(AnyCommand::Books { id, command }, command_id, actor);
            let drawn = self.state_liabilities(models, blinding, request).await?;
            for wrong in drawn.owed.iter().flat_map(Owed::wrong) {
                tracing::error!(%wrong, "what is owed");
            }
            tracing::info!(%today, "what is owed is stated");
        }
        Ok(Some(today))
    }
}
