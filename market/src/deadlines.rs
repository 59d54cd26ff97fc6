//! Deadlines: what happens when nobody acts. The due time stands in the event that starts it, and again in the
//! command that is sent when it has come, so that a deadline which no longer holds is harmless.
//!
//! | started by | then |
//! |---|---|
//! | CheckoutOpened | the checkout expires |
//! | OrderPlaced | an order nobody paid is cancelled |
//! | OrderDelivered | receipt is taken as confirmed; a freeze makes it wait for its end |
//! | EscrowReleased | the order completes |
//! | ReturnRequested | the return is accepted |
//! | DisputeOpened | ruled for the buyer |
//! | DisputeRuled | closed: nobody appealed |
//! | DepositShort | the merchant is suspended |
//! | QualificationSubmitted | the qualification expires |
//! | SettlementClosed with a reserve | the reserve is released |

use daybook_domain::account::commands::AccountCommand;
use daybook_domain::checkout::commands::CheckoutCommand;
use daybook_domain::merchant::commands::MerchantCommand;
use daybook_domain::order::commands::OrderCommand;
use daybook_domain::{Event, EventKind, Timestamp};
use daybook_journal::Position;
use uuid::Uuid;

use crate::AnyCommand;
use crate::reactors::Happened;

/// Something that happens at a time unless it has become void by then.
#[derive(Clone, Debug, PartialEq)]
pub struct Deadline {
    /// When.
    pub due: Timestamp,
    /// Identity of the event that started it.
    pub cause: Uuid,
    /// Position of that event in the journal.
    pub position: Position,
    /// What is asked then.
    pub command: AnyCommand,
}

impl Deadline {
    /// The id of its command.
    #[must_use]
    pub fn command_id(&self) -> Uuid {
        Uuid::new_v5(&self.cause, b"deadline")
    }
}

/// The event types that start one.
pub const STARTED_BY: &[EventKind] = &[
    EventKind::CheckoutOpened,
    EventKind::OrderPlaced,
    EventKind::OrderDelivered,
    EventKind::EscrowReleased,
    EventKind::ReturnRequested,
    EventKind::DisputeOpened,
    EventKind::DisputeRuled,
    EventKind::DepositShort,
    EventKind::QualificationSubmitted,
    EventKind::SettlementClosed,
];

/// The deadline that an event starts.
#[must_use]
pub fn started(happened: &Happened) -> Option<Deadline> {
    let refs = &happened.refs;
    let to_order = |command: OrderCommand| refs.order.map(|id| AnyCommand::Order { id, command });
    let to_merchant = |command: MerchantCommand| refs.merchant.map(|id| AnyCommand::Merchant { id, command });
    let (due, command) = match &happened.event {
        Event::CheckoutOpened(e) => {
            let due = e.expires?;
            let command = CheckoutCommand::Expire { due };
            (due, refs.checkout.map(|id| AnyCommand::Checkout { id, command }))
        }
        Event::OrderPlaced(e) => {
            let due = e.funding_due?;
            (due, to_order(OrderCommand::CancelUnfunded { due }))
        }
        Event::OrderDelivered(e) => {
            let due = e.release_due;
            (due, to_order(OrderCommand::ConfirmByTimeout { shipment: e.shipment, due }))
        }
        Event::EscrowReleased(e) => {
            let due = e.after_sales_until?;
            (due, to_order(OrderCommand::Complete { due }))
        }
        Event::ReturnRequested(e) => {
            let due = e.answer_due?;
            (due, to_order(OrderCommand::AcceptReturnByTimeout { r#return: e.r#return, due }))
        }
        Event::DisputeOpened(e) => {
            let due = e.answer_due;
            (due, to_order(OrderCommand::RuleUnanswered { dispute: e.dispute, due }))
        }
        Event::DisputeRuled(e) => {
            let due = e.appeal_due;
            (due, to_order(OrderCommand::CloseDispute { dispute: e.dispute, due: Some(due) }))
        }
        Event::DepositShort(e) => {
            let due = e.due;
            (due, to_merchant(MerchantCommand::SuspendForDeposit { due }))
        }
        Event::QualificationSubmitted(e) => {
            let due = e.valid_until?;
            (due, to_merchant(MerchantCommand::ExpireQualification { kind: e.kind, due }))
        }
        Event::SettlementClosed(e) => {
            let due = e.reserve_until?;
            let command = AccountCommand::ReleaseReserve { settlement: e.settlement };
            (due, refs.merchant.map(|id| AnyCommand::Account { id, command }))
        }
        _ => return None,
    };
    Some(Deadline { due, cause: happened.id, position: happened.position, command: command? })
}
