//! Where an inquiry stands.

use super::commands::InquiryCommand;
use super::events::*;
use crate::decider::said;
use crate::{Aggregate, Context, Event, MerchantId, Refs, Rejection, Timestamp};

/// The state of `inquiry-{id}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inquiry {
    opened: Option<Box<InquiryOpened>>,
    answers: u64,
    closed: bool,
}

impl Inquiry {
    /// Whom it was asked of.
    #[must_use]
    pub fn merchant(&self) -> Option<MerchantId> {
        self.opened.as_ref().map(|opened| opened.merchant)
    }

    fn known(&self) -> Result<(), Rejection> {
        let unknown = || Rejection::new("inquiry_unknown", "this inquiry is not known: open it first");
        self.opened.as_ref().map(drop).ok_or_else(unknown)
    }
}

impl Aggregate for Inquiry {
    const CATEGORY: &'static str = "inquiry";
    type Command = InquiryCommand;

    fn named(_: &str) -> Self {
        Self::default()
    }

    fn decide(&self, command: &InquiryCommand, context: &Context<'_>) -> Result<Vec<Event>, Rejection> {
        match command {
            InquiryCommand::Open { merchant, topic, visitor, buyer, agent } => {
                if visitor.is_none() && buyer.is_none() {
                    let message = "visitor and buyer are both absent: say who asks";
                    return Err(Rejection::new("nobody_asks", message));
                }
                let opened = InquiryOpened {
                    merchant: *merchant,
                    topic: *topic,
                    visitor: *visitor,
                    buyer: *buyer,
                    agent: *agent,
                };
                match &self.opened {
                    None => Ok(vec![opened.into()]),
                    Some(known) if **known == opened => Ok(Vec::new()),
                    Some(known) => {
                        let message = format!(
                            "this inquiry was opened otherwise, with merchant {}: use another id",
                            known.merchant
                        );
                        Err(Rejection::new("inquiry_known", message))
                    }
                }
            }
            InquiryCommand::Answer { agent } => {
                self.known()?;
                if self.closed {
                    let message = "the inquiry is closed: another question is another inquiry";
                    return Err(Rejection::new("inquiry_closed", message));
                }
                Ok(vec![InquiryAnswered { agent: *agent }.into()])
            }
            InquiryCommand::Close {} => {
                self.known()?;
                match self.closed {
                    true => Ok(Vec::new()),
                    false => Ok(vec![InquiryClosed { by: context.actor }.into()]),
                }
            }
            InquiryCommand::RecordViolation { agent, rule, note } => {
                self.known()?;
                note.as_ref().map_or(Ok(()), |note| said("note", note))?;
                let (agent, rule, note) = (*agent, *rule, note.clone());
                Ok(vec![ViolationRecorded { agent, rule, by: context.actor, note }.into()])
            }
        }
    }

    fn evolve(&mut self, event: &Event, _: Timestamp) {
        match event {
            Event::InquiryOpened(e) => self.opened = Some(Box::new(e.clone())),
            Event::InquiryAnswered(_) => self.answers += 1,
            Event::InquiryClosed(_) => self.closed = true,
            _ => {}
        }
    }

    fn refs(&self) -> Refs {
        let Some(opened) = &self.opened else { return Refs::default() };
        let InquiryOpened { merchant, visitor, buyer, .. } = **opened;
        Refs { merchant: Some(merchant), visitor, buyer, ..Refs::default() }
    }

    fn status(&self) -> &'static str {
        match (&self.opened, self.closed, self.answers) {
            (None, ..) => "unknown",
            (_, true, _) => "closed",
            (_, _, 0) => "open",
            _ => "answered",
        }
    }
}
