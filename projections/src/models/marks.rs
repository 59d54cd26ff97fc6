//! What an order counts as in its merchant's row, each at most once: the tally between the two models.
//!
//! A count of orders (shipped, refunded, ...) is not a count of events: an order ships in parts and is refunded
//! in parts. The order's own row knows when it becomes one of them, so the change of its marks, taken before
//! and after the fold, travels with the event to the merchant's row.

use super::orders::OrderRow;

/// A number of orders by mark: of one order 0 or 1 each, of a change -1, 0 or 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Paid into escrow.
    pub paid: i64,
    /// Shipped, in whole or part.
    pub shipped: i64,
    /// Every shipment arrived.
    pub delivered: i64,
    /// Everything done.
    pub completed: i64,
    /// Cancelled as a whole.
    pub cancelled: i64,
    /// Refunded, in whole or part.
    pub refunded: i64,
    /// With a return asked for.
    pub returned: i64,
    /// With an exchange asked for.
    pub exchanged: i64,
    /// With a dispute.
    pub disputed: i64,
    /// Whose last ruling was for the buyer.
    pub ruled_for_buyer: i64,
    /// From which a bank took money for good.
    pub charged_back: i64,
}

impl Marks {
    /// What an order counts as.
    #[must_use]
    pub fn of(row: &OrderRow) -> Self {
        let mark = i64::from;
        Self {
            paid: mark(row.paid),
            shipped: mark(row.shipped),
            delivered: mark(row.delivered),
            completed: mark(row.completed_at.is_some()),
            cancelled: mark(row.status == "cancelled"),
            refunded: mark(row.refunds > 0),
            returned: mark(row.returns > 0),
            exchanged: mark(row.exchanges > 0),
            disputed: mark(row.disputes > 0),
            ruled_for_buyer: mark(row.ruled_for.as_deref() == Some("buyer")),
            charged_back: mark(row.charged_back > 0),
        }
    }

    /// The change from `before` to this.
    #[must_use]
    pub const fn since(&self, before: &Self) -> Self {
        Self {
            paid: self.paid - before.paid,
            shipped: self.shipped - before.shipped,
            delivered: self.delivered - before.delivered,
            completed: self.completed - before.completed,
            cancelled: self.cancelled - before.cancelled,
            refunded: self.refunded - before.refunded,
            returned: self.returned - before.returned,
            exchanged: self.exchanged - before.exchanged,
            disputed: self.disputed - before.disputed,
            ruled_for_buyer: self.ruled_for_buyer - before.ruled_for_buyer,
            charged_back: self.charged_back - before.charged_back,
        }
    }
}
