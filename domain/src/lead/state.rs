//! A lead's state and decisions.

use super::commands::LeadCommand;
use super::events::{LeadCaptured, LeadLost, LeadQualified, LeadWon};
use crate::codec::words;
use crate::decider::said;
use crate::{Aggregate, Context, Event, LeadId, MerchantId, Refs, Rejection, Timestamp};

words! {
    /// How far a lead has come.
    LeadStage { Unknown = "unknown", Captured = "captured", Qualified = "qualified", Won = "won", Lost = "lost" }
}

/// The state of `lead-{id}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lead {
    id: Option<LeadId>,
    stage: LeadStage,
    merchant: Option<MerchantId>,
}

impl Default for Lead {
    fn default() -> Self {
        Self { id: None, stage: LeadStage::Unknown, merchant: None }
    }
}

impl Lead {
    /// How far it has come.
    #[must_use]
    pub const fn stage(&self) -> LeadStage {
        self.stage
    }
    /// The merchant it became.
    #[must_use]
    pub const fn merchant(&self) -> Option<MerchantId> {
        self.merchant
    }

    fn not(&self, cure: &str) -> Rejection {
        Rejection::new("wrong_stage", format!("the lead is {}: {cure}", self.stage))
    }
}

impl Aggregate for Lead {
    const CATEGORY: &'static str = "lead";
    type Command = LeadCommand;

    fn named(id: &str) -> Self {
        Self { id: LeadId::new(id).ok(), ..Self::default() }
    }

    fn decide(&self, command: &LeadCommand, context: &Context<'_>) -> Result<Vec<Event>, Rejection> {
        use LeadStage::{Captured, Lost, Unknown, Won};
        let known = || match self.stage {
            Unknown => Err(Rejection::new("lead_unknown", "this lead is not known: capture it first")),
            _ => Ok(()),
        };
        match command {
            LeadCommand::Capture { origin, first_contact, landing } => match self.stage {
                Unknown => Ok(vec![
                    LeadCaptured { origin: *origin, first_contact: *first_contact, landing: *landing }.into(),
                ]),
                _ => Ok(Vec::new()),
            },
            LeadCommand::Qualify {} => {
                known()?;
                match self.stage {
                    Captured => Ok(vec![LeadQualified { by: context.actor }.into()]),
                    Lost => Err(self.not("capture it anew under another id")),
                    _ => Ok(Vec::new()),
                }
            }
            LeadCommand::Win { merchant, segment, r#type } => {
                known()?;
                match self.stage {
                    Won if self.merchant == Some(*merchant) => return Ok(Vec::new()),
                    Won => return Err(self.not("it became another merchant")),
                    Lost => return Err(self.not("capture it anew under another id")),
                    // another system may not have recorded the step between
                    Captured if !context.import => return Err(self.not("qualify it first")),
                    _ => {}
                }
                Ok(vec![LeadWon { merchant: *merchant, segment: *segment, r#type: *r#type }.into()])
            }
            LeadCommand::Lose { reason } => {
                known()?;
                said("reason", reason)?;
                match self.stage {
                    Lost => Ok(Vec::new()),
                    Won => Err(self.not("terminate the merchant instead")),
                    _ => Ok(vec![LeadLost { reason: reason.clone() }.into()]),
                }
            }
        }
    }

    fn evolve(&mut self, event: &Event, _occurred_at: Timestamp) {
        match event {
            Event::LeadCaptured(_) => self.stage = LeadStage::Captured,
            Event::LeadQualified(_) => self.stage = LeadStage::Qualified,
            Event::LeadWon(e) => {
                self.stage = LeadStage::Won;
                self.merchant = Some(e.merchant);
            }
            Event::LeadLost(_) => self.stage = LeadStage::Lost,
            _ => {}
        }
    }

    fn refs(&self) -> Refs {
        Refs { lead: self.id, merchant: self.merchant, ..Refs::default() }
    }

    fn status(&self) -> &'static str {
        self.stage.as_str()
    }
}
