//! Reactors: what an event of one stream asks of another.
//!
//! [`react`] is a function of the event and of its own stream as it was then; it reads nothing else. The id of a
//! reaction's command is derived from the event's id, so running a reactor twice is harmless. A reaction takes the
//! `occurred_at` of its cause.
//!
//! | event | asks | when refused |
//! |---|---|---|
//! | FundsAllocated | order: fund | checkout: return the allocation |
//! | AllocationReturned | checkout: refund what came back | listed |
//! | CheckoutCancelled, CheckoutExpired, money that comes later | checkout: refund what is unallocated | listed |
//! | OrderCancelled before it is funded | checkout: change what is due | nothing: the checkout is paid or over |
//! | FeeScheduleAgreed | deposit: require | listed |
//! | deposit moves | merchant: deposit satisfied, or short | listed |
//! | MerchantSuspended for a short deposit | account: hold what is missing | listed |
//! | MerchantAssessed and passed | account: the reward of its tier | nothing: its tier has none |
//! | BalanceHeld for a short deposit | deposit: take it | listed |
//! | DepositPaidFromBalance | account: spend the hold | listed |
//! | DisputeOpened, ChargebackOpened beyond escrow | account: hold | listed |
//! | BalanceHeld of less than was claimed | deposit: freeze the rest | listed |
//! | BalanceHeld for more of a claim | deposit: keep only what it still lacks | nothing: it held none |
//! | DisputeRuled with a deposit's share | deposit: deduct for the buyer | order: refund at the market's cost |
//! | DisputeRuled with a penalty | account: charge it | listed |
//! | DepositDeducted for a buyer | order: issue the refund | listed |
//! | RulingReversed | deposit: restore; account: waive the penalty | listed |
//! | DisputeClosed, ChargebackClosed | account: lift the hold; deposit: release it | nothing: there was none |
//! | ChargebackReceived, Won, Lost | each order: open, close | listed |

mod cases;
mod checkouts;
mod deposits;

use daybook_commands::{CommandError, Commands};
use daybook_domain::{Event, EventKind, Refs, Timestamp};
use uuid::Uuid;

use crate::AnyCommand;

/// An event that a reactor looks at.
#[derive(Clone, Debug)]
pub struct Happened {
    /// Its identity.
    pub id: Uuid,
    /// Its stream.
    pub stream: String,
    /// Its version in the stream.
    pub version: u64,
    /// Its position in the journal.
    pub position: u64,
    /// When it happened in the business.
    pub occurred_at: Timestamp,
    /// What it belongs to.
    pub correlation: Uuid,
    /// Who acted.
    pub actor: String,
    /// What happened.
    pub event: Event,
    /// What its stream knows.
    pub refs: Refs,
}

/// A command that an event asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Reaction {
    /// What it is, unique among the reactions to one event: part of the command's id.
    pub what: String,
    /// The command.
    pub command: AnyCommand,
    /// Rejections that mean "nothing to do here": not listed.
    pub fine: &'static [&'static str],
    /// What is done instead when it is refused; when there is nothing, the refusal is listed.
    pub otherwise: Vec<Reaction>,
}

impl Reaction {
    fn new(what: impl Into<String>, command: AnyCommand) -> Self {
        Self { what: what.into(), command, fine: &[], otherwise: Vec::new() }
    }

    const fn fine(mut self, codes: &'static [&'static str]) -> Self {
        self.fine = codes;
        self
    }

    fn or(mut self, otherwise: impl IntoIterator<Item = Self>) -> Self {
        self.otherwise = otherwise.into_iter().collect();
        self
    }

    /// The id of its command.
    #[must_use]
    pub fn command_id(&self, cause: Uuid) -> Uuid {
        Uuid::new_v5(&cause, self.what.as_bytes())
    }
}

/// The event types that anything reacts to.
pub const REACTED_TO: &[EventKind] = &[
    EventKind::FundsAllocated,
    EventKind::AllocationReturned,
    EventKind::CheckoutCancelled,
    EventKind::CheckoutExpired,
    EventKind::MoneyUnallocated,
    EventKind::OrderCancelled,
    EventKind::FeeScheduleAgreed,
    EventKind::MerchantSuspended,
    EventKind::MerchantAssessed,
    EventKind::DepositRequired,
    EventKind::DepositPaid,
    EventKind::DepositPaidFromBalance,
    EventKind::DepositDeducted,
    EventKind::DepositRefunded,
    EventKind::DepositRestored,
    EventKind::BalanceHeld,
    EventKind::DisputeOpened,
    EventKind::DisputeRuled,
    EventKind::RulingReversed,
    EventKind::DisputeClosed,
    EventKind::ChargebackReceived,
    EventKind::ChargebackWon,
    EventKind::ChargebackLost,
    EventKind::ChargebackOpened,
    EventKind::ChargebackClosed,
];

/// What the event asks of other streams.
///
/// # Errors
/// [`CommandError::Unavailable`] when its own stream cannot be read.
pub fn react(happened: &Happened, commands: &Commands) -> Result<Vec<Reaction>, CommandError> {
    let mut out = checkouts::react(happened, commands)?;
    out.extend(deposits::react(happened, commands)?);
    out.extend(cases::react(happened, commands)?);
    Ok(out)
}

/// The id after the category in the stream's name.
fn own_id(happened: &Happened) -> &str {
    happened.stream.split_once('-').map_or("", |(_, id)| id)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use daybook_commands::Options;
    use daybook_domain::MarketId;
    use daybook_journal::MemoryJournal;

    use super::*;
    use crate::deadlines;

    fn fixture(kind: EventKind) -> Happened {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../domain/fixtures");
        let file = format!("{folder}/{}.v{}.complete.json", kind.as_str(), kind.schema());
        let data = std::fs::read_to_string(file).unwrap();
        let refs = r#"{"merchant":"m-1","order":"o-1","checkout":"c-1","buyer":"b-1"}"#;
        Happened {
            id: Uuid::from_u128(7),
            stream: format!("{}-x-1", kind.category()),
            version: 1,
            position: 1,
            occurred_at: Timestamp(0),
            correlation: Uuid::from_u128(8),
            actor: "teller".to_owned(),
            event: Event::decode(kind.as_str(), kind.schema(), &data).unwrap(),
            refs: serde_json::from_str(refs).unwrap(),
        }
    }

    /// The pump reads only the types that are listed: one that is not would never be reacted to.
    #[test]
    fn every_event_type_that_asks_for_something_is_listed() {
        let journal = Arc::new(MemoryJournal::default());
        let commands = Commands::new(journal, Options::new(MarketId::new("main").unwrap()));
        for kind in EventKind::ALL {
            let happened = fixture(*kind);
            if !react(&happened, &commands).unwrap().is_empty() {
                assert!(REACTED_TO.contains(kind), "{} is reacted to and not listed", kind.as_str());
            }
            let starts = deadlines::started(&happened).is_some();
            assert_eq!(starts, deadlines::STARTED_BY.contains(kind), "{} starts a deadline", kind.as_str());
        }
    }

    #[test]
    fn the_reactions_to_one_event_have_ids_of_their_own() {
        let journal = Arc::new(MemoryJournal::default());
        let commands = Commands::new(journal, Options::new(MarketId::new("main").unwrap()));
        fn ids(reactions: &[Reaction], cause: Uuid, out: &mut Vec<(String, Uuid)>) {
            for reaction in reactions {
                out.push((reaction.command.stream(), reaction.command_id(cause)));
                ids(&reaction.otherwise, cause, out);
            }
        }
        for kind in REACTED_TO {
            let happened = fixture(*kind);
            let mut all = Vec::new();
            ids(&react(&happened, &commands).unwrap(), happened.id, &mut all);
            let distinct: std::collections::HashSet<_> = all.iter().collect();
            assert_eq!(distinct.len(), all.len(), "{}: {all:?}", kind.as_str());
        }
    }
}
