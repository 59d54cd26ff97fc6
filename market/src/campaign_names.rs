//! No two campaigns have one name at the same time: a report by name would mix them. A campaign's stream cannot know the
//! others', so whoever plans one looks through what was planned, and others who plan wait meanwhile.

use std::ops::ControlFlow;

use daybook_commands::CommandError;
use daybook_domain::campaign::commands::CampaignCommand;
use daybook_domain::{Event, EventKind, Rejection, Timestamp};
use daybook_journal::{Filter, Position};
use tokio::sync::MutexGuard;

use crate::{AnyCommand, Market, MarketError};

/// Every plan up to a position of the journal.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    through: Position,
    plans: Vec<Plan>,
}

#[derive(Debug)]
struct Plan {
    stream: String,
    name: String,
    starts: Timestamp,
    ends: Timestamp,
}

impl Market {
    /// Refuses a plan whose name another campaign has in its time. What comes back is held until the plan is recorded.
    pub(crate) async fn name_is_free(
        &self,
        command: &AnyCommand,
    ) -> Result<Option<MutexGuard<'_, Planned>>, MarketError> {
        let AnyCommand::Campaign { command: CampaignCommand::Plan { name, starts, ends, .. }, .. } = command
        else {
            return Ok(None);
        };
        let mut planned = self.planned.lock().await;
        planned.catch_up(self)?;
        let (name, stream) = (name.trim().to_lowercase(), command.stream());
        let other = planned.plans.iter().find(|plan| {
            plan.stream != stream && plan.name == name && plan.starts < *ends && *starts < plan.ends
        });
        if let Some(Plan { stream, starts, ends, .. }) = other {
            let message = format!(
                "name {name:?} is that of {stream} from {starts} to {ends}: give this one another name or another time"
            );
            return Err(CommandError::Rejected(Rejection::new("campaign_name_taken", message)).into());
        }
        Ok(Some(planned))
    }
}

impl Planned {
    fn catch_up(&mut self, market: &Market) -> Result<(), MarketError> {
        let kinds = vec![EventKind::CampaignPlanned.as_str().into()];
        let filter = Filter { kinds: Some(kinds), categories: None };
        let (plans, mut broken) = (&mut self.plans, None);
        let scanned = market.journal.scan(self.through, None, &filter, &mut |recorded| {
            match Event::decode(recorded.kind, recorded.schema, recorded.data) {
                Ok(Event::CampaignPlanned(plan)) => plans.push(Plan {
                    stream: recorded.stream.to_owned(),
                    name: plan.name.to_lowercase(),
                    starts: plan.starts,
                    ends: plan.ends,
                }),
                Ok(_) => {}
                Err(error) => {
                    broken = Some(format!("{} at {}: {error}", recorded.stream, recorded.position));
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })?;
        match broken {
            Some(why) => Err(MarketError::Unavailable(why)),
            None => {
                self.through = scanned.through;
                Ok(())
            }
        }
    }
}
