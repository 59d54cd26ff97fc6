//! What an order's events would have said under other terms: the same deciders' functions, asked again.
//!
//! The caller folds a state of its own: it changes what `OrderPlaced` says (rates), then hands each later event of the
//! stream to [`Order::restated`] and folds the answer. What people did stays as it was (which pieces were shipped, received, refunded,
//! disputed, and for how much); what follows from that by rule is reckoned again.

use super::events::{CommissionCharged, CommissionReversed, RulingReversed};
use super::state::Order;
use crate::{Event, EventKind};

/// The events of an order that [`Order::restated`] rests on: its pieces and its money, and who bears what. A fold of
/// these alone comes to the same amounts as one of all.
pub const RESTATED_FROM: &[EventKind] = &[
    EventKind::OrderPlaced,
    EventKind::OrderCancelled,
    EventKind::EscrowFunded,
    EventKind::EscrowReleased,
    EventKind::EscrowRefunded,
    EventKind::CommissionCharged,
    EventKind::CommissionReversed,
    EventKind::RefundIssued,
    EventKind::DisputeOpened,
    EventKind::DisputeRuled,
    EventKind::DisputeAppealed,
    EventKind::RulingReversed,
    EventKind::ChargebackOpened,
    EventKind::ChargebackClosed,
    EventKind::OrderCompleted,
];

impl Order {
    /// The event with the amounts that follow from this order's terms, where it has such; the order is as it stood
    /// before it. Under the terms that the order was placed with it is the event itself.
    #[must_use]
    pub fn restated(&self, event: &Event) -> Option<Event> {
        match event {
            Event::CommissionCharged(_) => {
                let (lines, zero) = (Vec::new(), self.money(0));
                let none = CommissionCharged { lines, amount: zero, vat: zero };
                Some(self.commission_charged().unwrap_or(none).into())
            }
            Event::CommissionReversed(e) => {
                let because = e.because.clone();
                let (lines, zero) = (Vec::new(), self.money(0));
                let none = CommissionReversed { lines, amount: zero, vat: zero, because: because.clone() };
                Some(self.commission_reversed(because).unwrap_or(none).into())
            }
            Event::RulingReversed(e) => {
                let dispute = self.known_dispute(e.dispute).ok()?;
                let (to_merchant, to_deposit, _) = self.cost_of_rulings(dispute);
                Some(RulingReversed { to_merchant, to_deposit, ..e.clone() }.into())
            }
            _ => None,
        }
    }
}
