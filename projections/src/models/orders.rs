//! One row per order: everything an inquiry asks. Its child rows are the order's timeline.

use daybook_domain::EventKind;

use super::Marks;
use crate::model::{Envelope, Index, Key, Keys, KindSet, Model, Out};
use crate::record;
use crate::world::World;

record! {
    /// An order. Amounts are minor units of `currency`; times are microseconds since the epoch, UTC.
    OrderRow in "orders", key(order_id) {
        /// Number of the order.
        order_id: String,
        /// The checkout that pays for it.
        checkout_id: String,
        /// The seller.
        merchant_id: String,
        /// The buyer, pseudonymous.
        buyer_id: String,
        /// ISO 4217 code.
        currency: String,
        /// Where the sale was made.
        sales_channel: String,
        /// placed, held, funded, shipped, delivered, received, released, completed or cancelled.
        status: String,
        /// When it was placed.
        placed_at: i64 = time,
        /// Lines of the order.
        lines: i64,
        /// Pieces of all lines.
        pieces: i64,
        /// Goods after the merchant's discounts.
        goods: i64 = money,
        /// Shipping.
        shipping: i64 = money,
        /// Tax.
        tax: i64 = money,
        /// Goods, shipping and tax.
        total: i64 = money,
        /// What the buyer pays of the total.
        buyer_pays: i64 = money,
        /// What the market adds.
        subsidies: i64 = money,
        /// Version of the fee schedule frozen in its lines.
        fee_schedule_version: i64,
        /// By when the merchant promised to ship.
        ship_by: Option<i64> = time,
        /// By when the merchant promised delivery.
        deliver_by: Option<i64> = time,
        /// Whether its money is or was in escrow.
        paid: bool,
        /// When it was paid into escrow.
        paid_at: Option<i64> = time,
        /// What the buyer paid into escrow.
        paid_amount: i64 = money,
        /// What the market bore of a payment that fell short.
        shortfall: i64 = money,
        /// What is in escrow now.
        escrow: i64 = money,
        /// Whether any piece has left the merchant.
        shipped: bool,
        /// When the first piece left.
        shipped_at: Option<i64> = time,
        /// Shipments.
        shipments: i64,
        /// Pieces shipped.
        pieces_shipped: i64,
        /// Carrier of the last shipment.
        carrier: Option<String>,
        /// Tracking number of the last shipment.
        tracking: Option<String>,
        /// Things wrong on the way, not yet put right.
        exceptions_open: i64,
        /// Whether every shipment has arrived.
        delivered: bool,
        /// When the last shipment arrived.
        delivered_at: Option<i64> = time,
        /// Shipments that have arrived.
        shipments_delivered: i64,
        /// When receipt counts as confirmed unless somebody objects.
        release_due: Option<i64> = time,
        /// When receipt was last confirmed.
        confirmed_at: Option<i64> = time,
        /// By whom: buyer, inspection or timeout.
        confirmed_by: Option<String>,
        /// Pieces whose receipt is confirmed.
        pieces_received: i64,
        /// When money last went to the merchant.
        released_at: Option<i64> = time,
        /// Pieces released.
        pieces_released: i64,
        /// What went to the merchant, before commission.
        released: i64 = money,
        /// Tax released to tax offices.
        tax_released: i64 = money,
        /// Net commission.
        commission: i64 = money,
        /// VAT on it.
        commission_vat: i64 = money,
        /// Pieces cancelled.
        pieces_cancelled: i64,
        /// When it was last cancelled, in whole or part.
        cancelled_at: Option<i64> = time,
        /// By whom: buyer, merchant, market or timeout.
        cancelled_by: Option<String>,
        /// Why.
        cancel_reason: Option<String>,
        /// Refunds granted; one of several bearers counts once.
        refunds: i64,
        /// The last refund granted.
        refund_id: Option<String>,
        /// When a refund was last granted.
        refunded_at: Option<i64> = time,
        /// Granted to the buyer.
        refunded: i64 = money,
        /// Granted to the buyer, with what went back to the market.
        refunded_gross: i64 = money,
        /// Of the gross: before release, from escrow.
        refunded_from_escrow: i64 = money,
        /// Of the gross: borne by the merchant's balance or deposit.
        refunded_by_merchant: i64 = money,
        /// Of the gross: borne by the market.
        refunded_by_platform: i64 = money,
        /// Refunds that have left for the buyer.
        refund_paid: i64 = money,
        /// Returns asked for.
        returns: i64,
        /// State of the last return: requested, accepted, refused or returned.
        return_state: Option<String>,
        /// Exchanges asked for.
        exchanges: i64,
        /// Disputes opened.
        disputes: i64,
        /// The last dispute.
        dispute_id: Option<String>,
        /// Its state: opened, answered, escalated, ruled, appealed, upheld, reversed, withdrawn or closed.
        dispute_state: Option<String>,
        /// For whom it was ruled: buyer, merchant or split.
        ruled_for: Option<String>,
        /// Chargebacks not decided.
        chargebacks_open: i64,
        /// What banks took for good.
        charged_back: i64 = money,
        /// Reviews posted.
        reviews: i64,
        /// Overall score of the last review, 1 to 5.
        review: Option<i64>,
        /// When everything was done.
        completed_at: Option<i64> = time,
        /// When anything last happened.
        updated_at: i64 = time,
        /// Events of the timeline.
        events: i64,
    }
}

record! {
    /// An event of an order's timeline.
    TimelineRow in "order_timeline", number {
        /// 1, 2, ... in journal order.
        number: i64,
        /// Type of the event.
        event: String,
        /// When it happened.
        occurred_at: i64 = time,
        /// When the journal took it.
        recorded_at: i64 = time local,
        /// The amount it is about, minor units of the order's currency.
        amount: Option<i64> = money,
        /// What else there is to say of it.
        detail: Option<String>,
    }
}

/// The model of [`OrderRow`].
#[derive(Debug)]
pub struct Orders;

impl Model for Orders {
    type Row = OrderRow;
    type Child = TimelineRow;
    const VERSION: u32 = 1;
    const KINDS: KindSet = KindSet::of_category("order");
    const INDEXES: &'static [Index] = &[
        Index::on(&["merchant_id", "placed_at", "order_id"]),
        Index::on(&["buyer_id", "placed_at", "order_id"]),
        Index::on(&["checkout_id"]),
    ];

    fn route<'e>(e: &'e Envelope<'e>, keys: &mut Keys<'e>) {
        if e.kind == EventKind::ReviewPosted && e.category() != "order" {
            return; // of a basket that never became an order
        }
        if let Some(order) = &e.refs.order {
            keys.push(Key::new(&[order.as_str()]));
        }
    }

    fn empty(key: &Key<'_>) -> OrderRow {
        OrderRow { order_id: key.part(0).to_owned(), ..OrderRow::default() }
    }

    fn fold(row: &mut OrderRow, _: usize, e: &Envelope<'_>, _: &World, out: &mut Out<TimelineRow>) {
        super::timeline::append(row, e, out);
        let before = Marks::of(row);
        row.remember(e, out);
        e.marks.set(Marks::of(row).since(&before));
    }
}
