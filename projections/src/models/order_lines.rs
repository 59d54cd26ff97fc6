//! One row per line of an order.

use daybook_domain::order::events::{LineQuantity, OrderLine};
use daybook_domain::{Event, EventKind, LineId};

use super::{count, text};
use crate::model::{Envelope, Key, Keys, KindSet, Model, Out};
use crate::record;
use crate::record::NoChild;
use crate::world::World;

record! {
    /// A line of an order. Amounts are minor units of `currency`.
    OrderLineRow in "order_lines", key(order_id, line_id) {
        /// The order.
        order_id: String,
        /// The line, unique within it.
        line_id: String,
        /// Its place in the order, from 1.
        place: i64,
        /// The product.
        product_id: String,
        /// Its category.
        category: String,
        /// ISO 4217 code.
        currency: String,
        /// Pieces.
        quantity: i64,
        /// List price of a piece.
        list_price: Option<i64> = money,
        /// Price of a piece.
        unit_price: i64 = money,
        /// The merchant's discount on the line.
        discount: i64 = money,
        /// quantity x unit_price - discount: the base of commission.
        goods: i64 = money,
        /// Its share of shipping.
        shipping: i64 = money,
        /// Its share of tax.
        tax: i64 = money,
        /// What the market adds to it.
        subsidies: i64 = money,
        /// Rate of commission, a decimal.
        commission_rate: String,
        /// Pieces shipped.
        shipped: i64,
        /// Pieces whose receipt is confirmed.
        received: i64,
        /// Pieces cancelled.
        cancelled: i64,
        /// Pieces sent back.
        returned: i64,
        /// Pieces released.
        released: i64,
        /// What went to the merchant for it.
        released_amount: i64 = money,
        /// Refunded of it, gross, and taken of it by banks.
        refunded: i64 = money,
        /// Net commission on it.
        commission: i64 = money,
    }
}

/// The model of [`OrderLineRow`].
#[derive(Debug)]
pub struct OrderLines;

impl Model for OrderLines {
    type Row = OrderLineRow;
    type Child = NoChild;
    const VERSION: u32 = 1;
    const KINDS: KindSet = KindSet::of(&[
        EventKind::OrderPlaced,
        EventKind::OrderShipped,
        EventKind::ReceiptConfirmed,
        EventKind::OrderCancelled,
        EventKind::GoodsReturned,
        EventKind::EscrowReleased,
        EventKind::EscrowRefunded,
        EventKind::RefundIssued,
        EventKind::ChargebackClosed,
        EventKind::CommissionCharged,
        EventKind::CommissionReversed,
    ]);

    fn route<'e>(e: &'e Envelope<'e>, keys: &mut Keys<'e>) {
        let Some(order) = &e.refs.order else { return };
        let mut push = |line: &'e LineId| keys.push(Key::new(&[order.as_str(), line.as_str()]));
        match e.event {
            Event::OrderPlaced(x) => x.lines.iter().for_each(|l| push(&l.line)),
            Event::OrderShipped(x) => x.lines.iter().for_each(|l| push(&l.line)),
            Event::ReceiptConfirmed(x) => x.lines.iter().for_each(|l| push(&l.line)),
            Event::OrderCancelled(x) => x.lines.iter().for_each(|l| push(&l.line)),
            Event::GoodsReturned(x) => x.lines.iter().for_each(|l| push(&l.line)),
            Event::EscrowReleased(x) => x.lines.iter().for_each(|l| push(&l.line)),
            Event::EscrowRefunded(x) => x.lines.iter().for_each(|l| push(&l.line)),
            Event::RefundIssued(x) => x.lines.iter().for_each(|l| push(&l.line)),
            Event::ChargebackClosed(x) => {
                x.lines.iter().for_each(|l| push(&l.line));
                x.from_escrow.iter().flat_map(|t| &t.lines).for_each(|l| push(&l.line));
            }
            Event::CommissionCharged(x) => x.lines.iter().for_each(|l| push(&l.line)),
            Event::CommissionReversed(x) => x.lines.iter().for_each(|l| push(&l.line)),
            _ => {}
        }
    }

    fn empty(key: &Key<'_>) -> OrderLineRow {
        OrderLineRow {
            order_id: key.part(0).to_owned(),
            line_id: key.part(1).to_owned(),
            ..OrderLineRow::default()
        }
    }

    fn fold(row: &mut OrderLineRow, n: usize, e: &Envelope<'_>, _: &World, out: &mut Out<NoChild>) {
        let pieces = |lines: &[LineQuantity]| i64::from(lines[n].quantity);
        match e.event {
            Event::OrderPlaced(x) => place(row, count(n + 1), &x.lines[n], out),
            Event::OrderShipped(x) => out.add(&mut row.shipped, pieces(&x.lines)),
            Event::ReceiptConfirmed(x) => out.add(&mut row.received, pieces(&x.lines)),
            Event::OrderCancelled(x) => out.add(&mut row.cancelled, pieces(&x.lines)),
            Event::GoodsReturned(x) => out.add(&mut row.returned, pieces(&x.lines)),
            Event::EscrowReleased(x) => {
                out.add(&mut row.released, i64::from(x.lines[n].quantity));
                out.add(&mut row.released_amount, x.lines[n].to_merchant.minor);
            }
            Event::EscrowRefunded(x) => out.add(&mut row.refunded, x.lines[n].gross.minor),
            Event::RefundIssued(x) => out.add(&mut row.refunded, x.lines[n].gross.minor),
            Event::ChargebackClosed(x) => {
                let mut all = x.lines.iter().chain(x.from_escrow.iter().flat_map(|t| &t.lines));
                out.add(&mut row.refunded, all.nth(n).map_or(0, |l| l.gross.minor));
            }
            Event::CommissionCharged(x) => out.add(&mut row.commission, x.lines[n].amount.minor),
            Event::CommissionReversed(x) => out.take(&mut row.commission, x.lines[n].amount.minor),
            _ => {}
        }
    }
}

fn place(row: &mut OrderLineRow, place: i64, l: &OrderLine, out: &mut Out<NoChild>) {
    row.place = place;
    row.product_id = text(l.product);
    row.category = text(l.category);
    row.currency = text(l.unit_price.currency.as_str());
    row.quantity = i64::from(l.quantity);
    row.list_price = l.list_price.map(|m| m.minor);
    row.unit_price = l.unit_price.minor;
    row.discount = l.discount.minor;
    row.goods = 0;
    out.add_product(&mut row.goods, l.unit_price.minor, i64::from(l.quantity));
    out.take(&mut row.goods, l.discount.minor);
    row.shipping = l.shipping.minor;
    row.tax = l.tax.minor;
    row.subsidies = 0;
    l.subsidies.iter().for_each(|s| out.add(&mut row.subsidies, s.amount.minor));
    row.commission_rate = l.commission_rate.normalize().to_string();
}
