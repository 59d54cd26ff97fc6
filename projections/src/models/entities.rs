//! From an entity to the streams that concern it: one merchant's or buyer's history without a scan.
//!
//! The budget of the index is streams, not events: a stream is linked where an entity enters it, which is with
//! its first event (every event repeats what its stream knows) or with one of the few that bring another in.
//!
//! A stream of traffic concerns thousands of visitors and is left out.

use daybook_domain::Event;

use super::text;
use crate::model::{Envelope, Key, Keys, KindSet, Model, Out};
use crate::record;
use crate::world::World;

/// Kind and name of the entity whose streams are the market's settings and books.
pub const WORLD: &str = "world";

record! {
    /// An entity that streams concern.
    EntityRow in "entities", key(kind, entity) {
        /// merchant, order, checkout, buyer, dispute, lead, campaign, visitor or world.
        kind: String,
        /// Its id.
        entity: String,
        /// Streams that concern it.
        streams: i64,
    }
}

record! {
    /// A stream that concerns an entity.
    EntityStreamRow in "entity_streams", number {
        /// 1, 2, ... in journal order.
        number: i64,
        /// The stream, `category-id`.
        stream: String,
    }
}

/// The model of [`EntityRow`].
#[derive(Debug)]
pub struct Entities;

impl Model for Entities {
    type Row = EntityRow;
    type Child = EntityStreamRow;
    const VERSION: u32 = 1;
    const KINDS: KindSet = KindSet::BUSINESS;

    fn route<'e>(e: &'e Envelope<'e>, keys: &mut Keys<'e>) {
        let mut push = |kind: &'static str, id: Option<&'e str>| {
            if let Some(key) = id.map(|id| Key::new(&[kind, id]))
                && !keys.contains(&key)
            {
                keys.push(key);
            }
        };
        if e.version == 1 {
            let r = e.refs;
            push("merchant", r.merchant.as_ref().map(|id| id.as_str()));
            push("order", r.order.as_ref().map(|id| id.as_str()));
            push("checkout", r.checkout.as_ref().map(|id| id.as_str()));
            push("buyer", r.buyer.as_ref().map(|id| id.as_str()));
            push("visitor", r.visitor.as_ref().map(|id| id.as_str()));
            push("campaign", r.campaign.as_ref().map(|id| id.as_str()));
            push("lead", r.lead.as_ref().map(|id| id.as_str()));
            if matches!(e.category(), "market" | "books") {
                push(WORLD, Some(WORLD));
            }
        }
        match e.event {
            Event::CheckoutOpened(x) => x.orders.iter().for_each(|due| {
                push("order", Some(due.order.as_str()));
                push("merchant", Some(due.merchant.as_str()));
            }),
            Event::DisputeOpened(x) => push("dispute", Some(x.dispute.as_str())),
            Event::LeadWon(x) => push("merchant", Some(x.merchant.as_str())),
            _ => {}
        }
    }

    fn empty(key: &Key<'_>) -> EntityRow {
        EntityRow { kind: text(key.part(0)), entity: text(key.part(1)), streams: 0 }
    }

    fn fold(row: &mut EntityRow, _: usize, e: &Envelope<'_>, _: &World, out: &mut Out<EntityStreamRow>) {
        row.streams += 1;
        out.append(EntityStreamRow { number: row.streams, stream: text(e.stream) });
    }
}
