//! A line of an order: its pieces, its money, and what it can still give.

use super::split::{Pool, first, spread};
use crate::{Category, LineId, Rate};

/// A line: its pieces and its money.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The line.
    pub id: LineId,
    /// Dimension of its commission.
    pub category: Category,
    /// Its commission rate.
    pub rate: Rate,
    /// Pieces sold.
    pub quantity: u32,
    /// Pieces cancelled.
    pub cancelled: u32,
    /// Pieces that left the merchant and did not come back from the door.
    pub shipped: u32,
    /// Pieces accepted.
    pub received: u32,
    /// Pieces refunded from escrow.
    pub refunded: u32,
    /// Pieces released.
    pub released: u32,
    /// Pieces refunded after release.
    pub refunded_after: u32,
    /// Pieces sent back.
    pub returned: u32,
    /// What the buyer paid of it; before funding, what the buyer is to pay.
    pub paid: i64,
    /// What the market added because less was paid.
    pub shortfall: i64,
    /// What the market added, by campaign.
    pub subsidies: Box<[i64]>,
    /// What is in escrow, or will be once funded.
    pub escrow: Pool,
    /// What was released and not taken back.
    pub out: Pool,
    /// Gross, given back at the merchant's cost: from escrow or after release, to the buyer or a bank.
    pub given_back: i64,
    /// Of that, what banks took.
    pub lost: i64,
    /// What the market gave the buyer at its own cost.
    pub goodwill: i64,
    /// The base that commission was charged on, net.
    pub commission_base: i64,
    /// Commission charged, net.
    pub commission: i64,
}

impl Line {
    /// Pieces in escrow.
    #[must_use]
    pub fn pieces(&self) -> u32 {
        self.quantity.saturating_sub(self.cancelled + self.refunded + self.released)
    }

    /// What the line was funded with, gross; before funding, what it will be.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.paid + self.shortfall + self.subsidies.iter().sum::<i64>()
    }

    /// How `gross` given back is split: the buyer, the shortfall, each campaign.
    pub(super) fn split(&self, gross: i64) -> Vec<i64> {
        let mut weights = Vec::with_capacity(2 + self.subsidies.len());
        weights.extend([self.paid, self.shortfall]);
        weights.extend_from_slice(&self.subsidies);
        spread(gross, &weights)
    }

    /// The buyer's part of `gross` given back.
    pub(super) fn to_buyer(&self, gross: i64) -> i64 {
        if self.paid == self.total() { gross } else { self.split(gross)[0] }
    }

    /// What could go to the buyer for what was released, keeping what is in escrow whole.
    pub(super) fn room(&self) -> i64 {
        self.paid - self.to_buyer(self.given_back + self.escrow.left()) - self.goodwill
    }

    /// What can be given back, gross, of what was released.
    pub(super) fn refundable_after(&self) -> i64 {
        let out = self.out.left();
        if self.goodwill == 0 {
            return out;
        }
        let from = self.given_back + self.escrow.left();
        let limit = self.paid - self.goodwill;
        if self.to_buyer(from + out) <= limit {
            return out;
        }
        first(out, |more| self.to_buyer(from + more) > limit) - 1
    }

    /// Whether it was worth something and nothing of that is left to refund.
    pub(super) fn empty(&self) -> bool {
        self.total() > 0 && self.escrow.left() + self.out.left() == 0
    }

    /// Whether nothing of it is in escrow any more.
    pub(super) fn done(&self) -> bool {
        self.pieces() == 0 || (self.escrow.left() == 0 && self.total() > 0)
    }

    /// Pieces received and not yet released.
    pub(super) fn releasable(&self) -> u32 {
        if self.escrow.left() == 0 && self.total() > 0 {
            return 0;
        }
        self.received.saturating_sub(self.released).min(self.pieces())
    }

    /// Pieces that can leave the merchant.
    pub(super) fn shippable(&self) -> u32 {
        if self.done() {
            return 0;
        }
        self.quantity.saturating_sub(self.cancelled + self.shipped).min(self.pieces())
    }
}
