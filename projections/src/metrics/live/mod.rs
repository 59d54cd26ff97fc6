//! Figures of traffic and sales kept by day, so that a question is answered from them and not from the journal.
//!
//! What is kept (under the plan's definition, channels as the rule's lists tell them):
//! - of each business day and group (all, a channel, a campaign's word, a merchant, a sales channel) what adds up
//!   (views, PV, visits, bounces, stay) and, as a set, its visitors; of each day who was first seen on it;
//! - the same of sales, by currency: orders, GMV, what went back, and the set of buyers;
//! - each visitor's views by day, and each order with the visit it is credited to: what the figures were made from.
//!
//! Exact: the answers are those of [`History::cells`](super::History::cells), and a model that followed is one that was made
//! anew. Both rest on this: a visitor's part of a cell comes from its own views alone ([`parts`]), and views of two days are
//! cut apart wherever a pause lies between them. So a late view moves only what its visitor did around it:
//! the parts before and after are taken from the kept views, and the cells change by the difference. An order looks for
//! its visit again when its visitor's views before it have changed; sales of a day are added up again when one of them has.

pub(crate) mod answer;
pub(crate) mod bulk;
pub(crate) mod heard;
pub(crate) mod packed;
pub(crate) mod parts;

use daybook_domain::{Currency, Timestamp};
use daybook_metrics::VisitorSet;
use daybook_metrics::sessions::Day;

pub(crate) use super::cells::last_before;
use parts::Part;

use super::Dimension;
use super::filing::period;

/// The word of a group where nothing is known, and of the group of all.
pub(crate) const NONE: u32 = u32::MAX;

/// What figures are kept by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(crate) enum Group {
    All,
    /// By the number of the channel.
    Channel,
    /// By the number of the word in the link.
    Campaign,
    Merchant,
    SalesChannel,
    /// Visitors who were first seen on the day.
    First,
    /// Orders that no visit led to.
    Untracked,
}

impl Group {
    /// Those that views, visits and credited orders are filed under.
    pub(crate) const FILED: [Self; 5] =
        [Self::All, Self::Channel, Self::Campaign, Self::Merchant, Self::SalesChannel];

    /// Its word in the tables.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Channel => "channel",
            Self::Campaign => "campaign",
            Self::Merchant => "merchant",
            Self::SalesChannel => "sales_channel",
            Self::First => "first",
            Self::Untracked => "untracked",
        }
    }
}

/// A cell of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CellKey {
    pub group: Group,
    pub day: Day,
    pub word: u32,
}

/// Its figures.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TrafficCell {
    pub part: Part,
    pub visitors: VisitorSet,
    /// Of them, those with a visit that was a bounce.
    pub bouncers: VisitorSet,
}

impl TrafficCell {
    pub(crate) fn is_empty(&self) -> bool {
        self.part == Part::default() && self.visitors.is_empty()
    }
}

/// A cell of sales.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SalesKey {
    pub group: Group,
    pub day: Day,
    pub currency: Currency,
    pub word: u32,
}

/// Its figures, in minor units.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SalesCell {
    pub orders: i64,
    /// What merchants are credited for them.
    pub order_value: i64,
    pub gmv: i64,
    pub refunded: i64,
    /// By the numbers of their names.
    pub buyers: VisitorSet,
}

impl SalesCell {
    /// Takes an order. Sums stay where 64 bits end: an answer refuses them.
    pub(crate) fn sell(&mut self, sale: &Sale) {
        self.orders += 1;
        self.order_value = self.order_value.saturating_add(sale.worth);
        self.gmv = self.gmv.saturating_add(sale.paid);
        self.refunded = self.refunded.saturating_add(sale.refunded);
        self.buyers.insert(sale.buyer);
    }
}

/// An order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sale {
    pub placed_at: Timestamp,
    pub visitor: Option<u32>,
    pub buyer: u32,
    pub merchant: u32,
    pub sales_channel: u32,
    /// When its payment was complete.
    pub paid_at: Option<Timestamp>,
    pub currency: Currency,
    /// What the merchant is credited for it, before commission.
    pub worth: i64,
    /// What the buyer paid.
    pub paid: i64,
    /// What went back to the buyer, by now.
    pub refunded: i64,
}

/// An order and the visit that it is credited to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Credited {
    pub sale: Sale,
    /// Whether a visit led to it.
    pub tracked: bool,
    /// How that visit came.
    pub way: Option<u32>,
}

/// The first day of the month that a day lies in.
pub(crate) fn month_of(day: Day) -> Day {
    period(Dimension::Month, day) as Day
}

/// The keys of the cells that a paid order counts in.
pub(crate) fn sales_keys(
    of: &Credited,
    day: Day,
    dictionary: &heard::Dictionary,
) -> impl Iterator<Item = SalesKey> + use<> {
    let (channel, campaign) = dictionary.came(of.way);
    let Sale { merchant, sales_channel, currency, .. } = of.sale;
    let words = [NONE, channel, campaign, merchant, sales_channel];
    let filed = Group::FILED.into_iter().zip(words).filter({
        let tracked = of.tracked;
        move |_| tracked
    });
    let untracked = (!of.tracked).then_some((Group::Untracked, NONE));
    filed.chain(untracked).map(move |(group, word)| SalesKey { group, day, currency, word })
}
