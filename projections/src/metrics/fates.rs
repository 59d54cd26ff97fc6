//! What became of an order, as it is followed until it is over.

use daybook_domain::order::events::{DisputeCategory, OrderPlaced};
use daybook_domain::{Currency, Timestamp};

/// Whose an order is: known of each, whenever it was placed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub merchant: u32,
    pub sales_channel: u32,
    pub currency: Currency,
}

/// An order's fate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fate {
    pub placed: Placed,
    pub buyer: u32,
    pub visitor: Option<u32>,
    /// The agent whom the order itself names.
    pub agent: Option<u32>,
    pub placed_at: Timestamp,
    pub paid_at: Option<Timestamp>,
    pub paid: i64,
    pub ship_by: Option<Timestamp>,
    pub deliver_by: Option<Timestamp>,
    /// When the first piece left.
    pub shipped_at: Option<Timestamp>,
    pub shipments: u32,
    pub arrived: u32,
    /// When the last shipment arrived, once all have.
    pub delivered_at: Option<Timestamp>,
    pub returned: bool,
    pub exchanged: bool,
    /// What its disputes were about, a bit for each category.
    disputed: u16,
    /// What went back to the buyer before release and after.
    pub back_before: i64,
    pub back_after: i64,
}

impl Fate {
    /// Of an order that is placed now.
    pub fn begin(
        at: Timestamp,
        order: &OrderPlaced,
        placed: Placed,
        (buyer, visitor, agent): (u32, Option<u32>, Option<u32>),
    ) -> Self {
        let promise = order.promise.as_ref();
        Self {
            placed,
            buyer,
            visitor,
            agent,
            placed_at: at,
            paid_at: None,
            paid: 0,
            ship_by: promise.and_then(|promise| promise.ship_by),
            deliver_by: promise.and_then(|promise| promise.deliver_by),
            shipped_at: None,
            shipments: 0,
            arrived: 0,
            delivered_at: None,
            returned: false,
            exchanged: false,
            disputed: 0,
            back_before: 0,
            back_after: 0,
        }
    }

    /// There was a dispute.
    pub fn dispute(&mut self, about: DisputeCategory) {
        self.disputed |= bit(about);
    }

    /// What its disputes were about.
    pub fn disputed(&self) -> impl Iterator<Item = DisputeCategory> + use<> {
        let disputed = self.disputed;
        DisputeCategory::ALL.iter().copied().filter(move |category| disputed & bit(*category) != 0)
    }

    /// Whether nothing of it counts on a day since an instant, nor will: all that was shipped has arrived.
    pub fn is_before(&self, since: Timestamp) -> bool {
        let before = |at: Option<Timestamp>| at.is_none_or(|at| at < since);
        let arrived = self.arrived >= self.shipments;
        arrived && before(self.paid_at) && before(self.shipped_at) && before(self.delivered_at)
    }
}

/// The bit of a category.
fn bit(category: DisputeCategory) -> u16 {
    1 << category as u16
}
