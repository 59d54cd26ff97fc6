//! One row per review: of an order, or of a basket that never became one.

use daybook_domain::{Event, EventKind};

use super::{text, text_of};
use crate::model::{Envelope, Index, Key, Keys, KindSet, Model, Out};
use crate::record;
use crate::record::NoChild;
use crate::world::World;

record! {
    /// A review. Scores are 1 to 5.
    ReviewRow in "reviews", key(review_id, order_id, checkout_id) {
        /// The review; the same id may stand at several orders.
        review_id: String,
        /// The order, or empty.
        order_id: String,
        /// The checkout.
        checkout_id: String,
        /// The seller, where there is an order.
        merchant_id: Option<String>,
        /// The buyer, pseudonymous.
        buyer_id: Option<String>,
        /// Overall score.
        overall: i64,
        /// Score of the goods.
        goods: Option<i64>,
        /// Score of the service.
        service: Option<i64>,
        /// Score of the delivery.
        delivery: Option<i64>,
        /// When it was posted, last.
        posted_at: i64 = time,
        /// How often it was posted.
        times: i64,
    }
}

/// The model of [`ReviewRow`].
#[derive(Debug)]
pub struct Reviews;

impl Model for Reviews {
    type Row = ReviewRow;
    type Child = NoChild;
    const VERSION: u32 = 1;
    const KINDS: KindSet = KindSet::of(&[EventKind::ReviewPosted]);
    const INDEXES: &'static [Index] = &[Index::on(&["merchant_id", "posted_at"]), Index::on(&["order_id"])];

    fn route<'e>(e: &'e Envelope<'e>, keys: &mut Keys<'e>) {
        if let Event::ReviewPosted(x) = e.event {
            let order = e.refs.order.as_ref().map_or("", |id| id.as_str());
            let checkout = e.refs.checkout.as_ref().map_or("", |id| id.as_str());
            keys.push(Key::new(&[x.review.as_str(), order, checkout]));
        }
    }

    fn empty(key: &Key<'_>) -> ReviewRow {
        ReviewRow {
            review_id: text(key.part(0)),
            order_id: text(key.part(1)),
            checkout_id: text(key.part(2)),
            ..ReviewRow::default()
        }
    }

    fn fold(row: &mut ReviewRow, _: usize, e: &Envelope<'_>, _: &World, _: &mut Out<NoChild>) {
        let Event::ReviewPosted(x) = e.event else { return };
        row.merchant_id = text_of(e.refs.merchant);
        row.buyer_id = text_of(e.refs.buyer);
        row.overall = i64::from(x.overall);
        row.goods = x.goods.map(i64::from);
        row.service = x.service.map(i64::from);
        row.delivery = x.delivery.map(i64::from);
        row.posted_at = e.occurred_at;
        row.times += 1;
    }
}
