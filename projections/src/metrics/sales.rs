//! Orders as figures of sales look at them: who bought what of whom, what was paid for each line and what went back.

use daybook_domain::order::events::{EscrowFunded, OrderPlaced};
use daybook_domain::{Currency, Timestamp, allocate};

use super::history::History;

/// An order.
#[derive(Clone, Debug)]
pub(super) struct Sale {
    pub placed_at: Timestamp,
    pub visitor: Option<u32>,
    pub buyer: u32,
    pub merchant: u32,
    pub sales_channel: u32,
    /// When its payment was complete.
    pub paid_at: Option<Timestamp>,
    pub currency: Currency,
    /// What the merchant is credited for it, before commission: with what the market added and bore, and tax.
    pub worth: i64,
    /// What the buyer paid.
    pub paid: i64,
    /// What went back to the buyer, by now.
    pub refunded: i64,
    /// None of an order that is asked for its buyer alone.
    lines: Box<[SoldLine]>,
}

/// A line of an order, in the order's currency.
#[derive(Clone, Copy, Debug)]
pub(super) struct SoldLine {
    /// Its name within the order.
    line: u32,
    pub product: u32,
    pub category: u32,
    /// What the buyer pays for its goods: less discounts, and what the market adds.
    pub price: i64,
    /// What its goods are at the list price, where one was recorded.
    pub list: Option<i64>,
    /// What the merchant is credited for it, before commission.
    pub worth: i64,
    /// What the buyer is to pay for it; once paid, what was.
    pub paid: i64,
    /// What went back to the buyer of that.
    pub refunded: i64,
}

/// Something went back to a buyer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refund {
    pub at: Timestamp,
    /// The order's place among all.
    pub sale: u32,
    /// Minor units of the order's currency.
    pub minor: i64,
}

impl History {
    /// An order with its lines, when it is placed.
    pub(super) fn placed(&mut self, at: Timestamp, order: &OrderPlaced, visitor: Option<u32>) -> Sale {
        let mut lines = Vec::with_capacity(order.lines.len());
        for line in &order.lines {
            let pieces = i64::from(line.quantity);
            let added = line.subsidies.iter().fold(0i64, |sum, part| sum.saturating_add(part.amount.minor));
            let goods = line.unit_price.minor.saturating_mul(pieces).saturating_sub(line.discount.minor);
            let beside = line.shipping.minor.saturating_add(line.tax.minor);
            let product = self.names.number(line.product.as_str());
            let category = self.names.number(line.category.as_str());
            lines.push(SoldLine {
                line: self.names.number(line.line.as_str()),
                product,
                category,
                price: goods.saturating_sub(added).max(0),
                list: line.list_price.map(|price| price.minor.saturating_mul(pieces)),
                worth: goods.saturating_add(beside),
                paid: goods.saturating_add(beside).saturating_sub(added),
                refunded: 0,
            });
        }
        self.line_bytes += size_of_val(lines.as_slice());
        Sale {
            placed_at: at,
            visitor,
            buyer: self.names.number(order.buyer.as_str()),
            merchant: self.names.number(order.merchant.as_str()),
            sales_channel: self.names.number(order.sales_channel.as_str()),
            paid_at: None,
            currency: order.total.currency,
            worth: order.total.minor,
            paid: 0,
            refunded: 0,
            lines: lines.into_boxed_slice(),
        }
    }
}

impl Sale {
    /// What was sold.
    pub(super) fn lines(&self) -> &[SoldLine] {
        &self.lines
    }

    /// Lets go of the lines of an order that was placed and paid before an instant: how many bytes.
    pub(super) fn forget_before(&mut self, from: Timestamp) -> usize {
        if self.placed_at >= from || self.paid_at.is_none_or(|paid| paid >= from) {
            return 0;
        }
        size_of_val(&*std::mem::take(&mut self.lines))
    }

    /// What it sold, and as what.
    pub(super) fn moves(&self) -> impl Iterator<Item = (u32, u32)> {
        self.lines.iter().map(|line| (line.product, line.category))
    }

    /// It was paid for: what fell short is spread over the lines as the order itself spreads it.
    pub(super) fn fund(&mut self, at: Timestamp, funded: &EscrowFunded) {
        self.paid_at = self.paid_at.or(Some(at));
        self.paid = self.paid.saturating_add(funded.paid().minor);
        let due: Vec<i64> = self.lines.iter().map(|line| line.paid).collect();
        for (line, share) in self.lines.iter_mut().zip(spread(funded.shortfall.minor, &due)) {
            line.paid = line.paid.saturating_sub(share);
        }
    }

    /// Something went back to the buyer, of lines by what they gave back.
    pub(super) fn refund(&mut self, to_buyer: i64, of: &[(u32, i64)]) {
        self.refunded = self.refunded.saturating_add(to_buyer);
        let gave = |line: &SoldLine| {
            let own = of.iter().filter(|(name, _)| *name == line.line);
            let gross = own.fold(0i64, |sum, (_, gross)| sum.saturating_add(*gross));
            // what the market added goes back to the market: of a line the buyer gets the share that the buyer paid, here in
            // parts of a minor unit, so that a line of which that is less than one is not passed over
            let buyers = i128::from(gross) * i128::from(line.paid) * PARTS / i128::from(line.worth.max(1));
            i64::try_from(buyers).unwrap_or(i64::MAX / PARTS as i64)
        };
        let mut weights: Vec<i64> = self.lines.iter().map(gave).collect();
        if weights.iter().all(|weight| *weight == 0) {
            weights = self.lines.iter().map(|line| line.paid).collect();
        }
        for (line, share) in self.lines.iter_mut().zip(spread(to_buyer, &weights)) {
            line.refunded = line.refunded.saturating_add(share);
        }
    }
}

/// Parts of a minor unit that weights are told in.
const PARTS: i128 = 1 << 10;

/// An amount over lines by weights; what none of them can bear stands with the first, so that the sum stays whole.
fn spread(amount: i64, weights: &[i64]) -> Vec<i64> {
    allocate(amount, weights).unwrap_or_else(|_| {
        weights.iter().enumerate().map(|(at, _)| if at == 0 { amount } else { 0 }).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_which_the_buyer_paid_next_to_nothing_takes_back_its_own() {
        let line = |line, worth, paid| SoldLine {
            line,
            product: 0,
            category: 0,
            price: paid,
            list: None,
            worth,
            paid,
            refunded: 0,
        };
        let mut sale = Sale {
            placed_at: Timestamp(0),
            visitor: None,
            buyer: 0,
            merchant: 0,
            sales_channel: 0,
            paid_at: Some(Timestamp(0)),
            currency: Currency::new("CNY").unwrap(),
            worth: 20_000,
            paid: 10_001,
            refunded: 0,
            lines: Box::new([line(1, 10_000, 1), line(2, 10_000, 10_000)]),
        };
        sale.refund(1, &[(1, 5_000)]); // one of two pieces, of which the market had paid all but a cent
        let back: Vec<i64> = sale.lines().iter().map(|line| line.refunded).collect();
        assert_eq!((back, sale.refunded), (vec![1, 0], 1));
    }
}
