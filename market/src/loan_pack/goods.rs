//! Where an order's pieces are: when all that were not cancelled have left, and have arrived.

use daybook_domain::order::events::LineQuantity;
use daybook_domain::{ShipmentId, Timestamp};
use daybook_packs::Order;

/// Where an order's pieces are.
#[derive(Default)]
pub(super) struct Goods {
    cancelled: u64,
    /// Pieces of each shipment that has not arrived: a few, of one order among very many.
    under_way: Vec<(ShipmentId, u64)>,
    shipped: u64,
    arrived: u64,
    last_shipped: Option<Timestamp>,
    last_arrived: Option<Timestamp>,
}

impl Goods {
    pub(super) fn cancelled(&mut self, order: &mut Order, lines: &[LineQuantity], at: Timestamp) {
        self.cancelled += pieces(lines);
        if self.cancelled >= u64::from(order.pieces) {
            order.cancelled_at.get_or_insert(at);
        }
        self.tell(order);
    }

    pub(super) fn shipped(
        &mut self,
        order: &mut Order,
        shipment: ShipmentId,
        lines: &[LineQuantity],
        at: Timestamp,
    ) {
        order.shipped_at.get_or_insert(at);
        let pieces = pieces(lines);
        self.shipped += pieces;
        self.under_way.retain(|(id, _)| *id != shipment);
        self.under_way.push((shipment, pieces));
        self.last_shipped = self.last_shipped.max(Some(at));
        self.tell(order);
    }

    pub(super) fn arrived(&mut self, order: &mut Order, shipment: ShipmentId, at: Timestamp) {
        let left = self.under_way.iter().position(|(id, _)| *id == shipment);
        let pieces = left.map(|place| self.under_way.swap_remove(place).1).unwrap_or_else(|| {
            // history may know when it arrived and not when it was sent: it brought what had not been sent
            let rest = u64::from(order.pieces).saturating_sub(self.cancelled + self.shipped);
            self.shipped += rest;
            order.shipped_at.get_or_insert(at);
            self.last_shipped = self.last_shipped.max(Some(at));
            rest
        });
        self.arrived += pieces;
        self.last_arrived = self.last_arrived.max(Some(at));
        self.tell(order);
    }

    /// All that was not cancelled has left, and has arrived.
    fn tell(&self, order: &mut Order) {
        let due = u64::from(order.pieces).saturating_sub(self.cancelled);
        if order.shipped_all_at.is_none() && due > 0 && self.shipped >= due {
            order.shipped_all_at = self.last_shipped;
        }
        if order.delivered_at.is_none() && due > 0 && self.arrived >= due {
            order.delivered_at = self.last_arrived;
        }
    }
}

fn pieces(lines: &[LineQuantity]) -> u64 {
    lines.iter().map(|line| u64::from(line.quantity)).sum()
}
