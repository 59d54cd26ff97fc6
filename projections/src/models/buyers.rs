//! One row per buyer: membership, and points with what they are worth.

use daybook_domain::Event;
use daybook_domain::buyer::events::PointsBecome;

use super::{text, text_of};
use crate::model::{Envelope, Key, Keys, KindSet, Model, Out};
use crate::record;
use crate::record::NoChild;
use crate::world::World;

record! {
    /// A buyer as it registered, and its points.
    BuyerRow in "buyers", key(buyer_id) {
        /// The buyer.
        buyer_id: String,
        /// When it made an account.
        registered_at: Option<i64> = time,
        /// How it came.
        channel: Option<String>,
        /// The tier.
        tier: Option<String>,
        /// Points to spend.
        points: i64,
        /// Points ever earned.
        points_earned: i64,
        /// Points that became coupons.
        points_to_coupons: i64,
        /// Points that became a balance.
        points_to_cash: i64,
        /// Points taken back.
        points_reversed: i64,
        /// Points not used in time.
        points_expired: i64,
        /// Currency of their value.
        currency: Option<String>,
        /// What the points to spend are worth to the market.
        points_value: i64 = money,
    }
}

/// The model of [`BuyerRow`].
#[derive(Debug)]
pub struct Buyers;

impl Model for Buyers {
    type Row = BuyerRow;
    type Child = NoChild;
    const VERSION: u32 = 1;
    const KINDS: KindSet = KindSet::of_category("buyer");

    fn route<'e>(e: &'e Envelope<'e>, keys: &mut Keys<'e>) {
        if let Some(buyer) = &e.refs.buyer {
            keys.push(Key::new(&[buyer.as_str()]));
        }
    }

    fn empty(key: &Key<'_>) -> BuyerRow {
        BuyerRow { buyer_id: text(key.part(0)), ..BuyerRow::default() }
    }

    fn fold(row: &mut BuyerRow, _: usize, e: &Envelope<'_>, _: &World, out: &mut Out<NoChild>) {
        let wide = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        match e.event {
            Event::BuyerRegistered(x) => {
                row.registered_at = Some(e.occurred_at);
                row.channel = text_of(x.channel);
            }
            Event::MembershipChanged(x) => row.tier = Some(text(x.tier)),
            Event::PointsEarned(x) => {
                row.currency = Some(text(x.value.currency.as_str()));
                out.add(&mut row.points, wide(x.points));
                out.add(&mut row.points_earned, wide(x.points));
                out.add(&mut row.points_value, x.value.minor);
            }
            Event::PointsConverted(x) => {
                let became = match x.to {
                    PointsBecome::Coupon => &mut row.points_to_coupons,
                    PointsBecome::Cash => &mut row.points_to_cash,
                };
                out.add(became, wide(x.points));
                out.take(&mut row.points, wide(x.points));
                out.take(&mut row.points_value, x.value.minor);
            }
            Event::PointsReversed(x) => {
                out.add(&mut row.points_reversed, wide(x.points));
                out.take(&mut row.points, wide(x.points));
                out.take(&mut row.points_value, x.value.minor);
            }
            Event::PointsExpired(x) => {
                out.add(&mut row.points_expired, wide(x.points));
                out.take(&mut row.points, wide(x.points));
                out.take(&mut row.points_value, x.value.minor);
            }
            _ => {}
        }
    }
}
