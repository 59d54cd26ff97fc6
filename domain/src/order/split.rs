//! Arithmetic of partial amounts: every split here telescopes to exactly zero over any series of steps.
//!
//! A line's money stands in two pools, what is in escrow and what was released, each a sum of goods, shipping and
//! tax. Taking an amount from a pool takes it of all three by `allocate(after) - allocate(before)`, so that the
//! last amount takes exactly what is left; moving pieces from one pool to the other starts the count anew from
//! whole minor units. Nothing is ever rounded away and no part goes below zero.

use crate::allocate;

/// `allocate` for weights that events have already shown to be sound; all zero where they are not.
pub(super) fn spread(total: i64, weights: &[i64]) -> Vec<i64> {
    allocate(total, weights).unwrap_or_else(|_| vec![0; weights.len()])
}

/// The share of `some` out of `some + rest` pieces of an amount.
pub(super) fn pieces(total: i64, some: u32, rest: u32) -> i64 {
    match (some, rest) {
        (0, _) => 0,
        (_, 0) => total,
        _ => spread(total, &[i64::from(some), i64::from(rest)])[0],
    }
}

/// An amount by what it is for. Minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Goods: the base of commission.
    pub goods: i64,
    /// Shipping.
    pub shipping: i64,
    /// Tax.
    pub tax: i64,
}

impl Parts {
    pub(super) const fn sum(self) -> i64 {
        self.goods + self.shipping + self.tax
    }

    const fn minus(self, other: Self) -> Self {
        Self {
            goods: self.goods - other.goods,
            shipping: self.shipping - other.shipping,
            tax: self.tax - other.tax,
        }
    }

    const fn plus(self, other: Self) -> Self {
        Self {
            goods: self.goods + other.goods,
            shipping: self.shipping + other.shipping,
            tax: self.tax + other.tax,
        }
    }
}

/// Where a line's money stands, by what it is for, less what was taken of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    whole: Parts,
    taken: i64,
}

impl Pool {
    pub(super) const fn new(whole: Parts) -> Self {
        Self { whole, taken: 0 }
    }

    fn of(&self, taken: i64) -> Parts {
        if taken == 0 {
            return Parts::default();
        }
        if taken == self.whole.sum() {
            return self.whole;
        }
        let split = spread(taken, &[self.whole.goods, self.whole.shipping, self.whole.tax]);
        Parts { goods: split[0], shipping: split[1], tax: split[2] }
    }

    /// What is left, in minor units.
    #[must_use]
    pub const fn left(&self) -> i64 {
        self.whole.sum() - self.taken
    }

    /// What is left, by what it is for.
    #[must_use]
    pub fn parts(&self) -> Parts {
        self.whole.minus(self.of(self.taken))
    }

    /// What taking `amount` would take.
    pub(super) fn would_take(&self, amount: i64) -> Parts {
        self.of(self.taken + amount).minus(self.of(self.taken))
    }

    pub(super) fn take(&mut self, amount: i64) {
        self.taken += amount;
    }

    /// What `some` of `some + rest` pieces hold of what is left.
    pub(super) fn pieces(&self, some: u32, rest: u32) -> Parts {
        let left = self.parts();
        Parts {
            goods: pieces(left.goods, some, rest),
            shipping: pieces(left.shipping, some, rest),
            tax: pieces(left.tax, some, rest),
        }
    }

    /// Takes these parts out, or adds them, and counts anew.
    pub(super) fn remove(&mut self, parts: Parts) {
        *self = Self::new(self.parts().minus(parts));
    }

    pub(super) fn add(&mut self, parts: Parts) {
        *self = Self::new(self.parts().plus(parts));
    }
}

/// The smallest `n` in `0..=high` for which `reached(n)`; `high` when none is. `reached` must be monotone.
pub(super) fn first(high: i64, reached: impl Fn(i64) -> bool) -> i64 {
    let (mut low, mut high) = (0, high);
    while low < high {
        let middle = low + (high - low) / 2;
        if reached(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}
