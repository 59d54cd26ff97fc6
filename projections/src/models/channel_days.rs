//! What sales channels reported: a row per channel, day and source, as it was said last.

use daybook_domain::Event;

use super::text;
use crate::model::{Envelope, Key, Keys, KindSet, Model, Out};
use crate::record;
use crate::record::NoChild;
use crate::world::World;

record! {
    /// A day of a sales channel, as it reported it.
    ChannelDayRow in "channel_days", key(sales_channel, day, source) {
        /// The sales channel.
        sales_channel: String,
        /// The day, as the platform counts days.
        day: String,
        /// Which report says so.
        source: String,
        /// Distinct visitors.
        uv: i64,
        /// Pages shown.
        pv: i64,
        /// Visitors who were not paid for.
        free_uv: Option<i64>,
        /// Visitors who were paid for.
        paid_uv: Option<i64>,
        /// Visitors who bought.
        buyers: Option<i64>,
        /// Orders paid.
        orders: Option<i64>,
        /// Currency of what customers paid.
        currency: Option<String>,
        /// What customers paid, as the platform says; absent where it does not.
        gmv: i64 = money,
        /// How often it was said anew with other figures.
        corrections: i64,
    }
}

/// The model of [`ChannelDayRow`].
#[derive(Debug)]
pub struct ChannelDays;

impl Model for ChannelDays {
    type Row = ChannelDayRow;
    type Child = NoChild;
    const VERSION: u32 = 1;
    const KINDS: KindSet = KindSet::of_category("channel");

    fn route<'e>(e: &'e Envelope<'e>, keys: &mut Keys<'e>) {
        if let Event::ChannelTrafficReported(x) = e.event {
            keys.push(Key::new(&[x.channel.as_str(), x.day.as_str(), x.source.as_str()]));
        }
    }

    fn empty(key: &Key<'_>) -> ChannelDayRow {
        let [sales_channel, day, source] = [0, 1, 2].map(|n| text(key.part(n)));
        ChannelDayRow { sales_channel, day, source, corrections: -1, ..ChannelDayRow::default() }
    }

    fn fold(row: &mut ChannelDayRow, _: usize, e: &Envelope<'_>, _: &World, _: &mut Out<NoChild>) {
        let Event::ChannelTrafficReported(x) = e.event else { return };
        let wide = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        row.uv = wide(x.uv);
        row.pv = wide(x.pv);
        row.free_uv = x.free_uv.map(wide);
        row.paid_uv = x.paid_uv.map(wide);
        row.buyers = x.buyers.map(wide);
        row.orders = x.orders.map(wide);
        row.currency = x.gmv.map(|gmv| text(gmv.currency.as_str()));
        row.gmv = x.gmv.map_or(0, |gmv| gmv.minor);
        row.corrections += 1;
    }
}
