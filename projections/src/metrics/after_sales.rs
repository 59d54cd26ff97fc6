//! Figures of what became of orders, by time, merchant and sales channel.

use std::collections::BTreeMap;

use daybook_domain::order::events::RuledFor;
use daybook_domain::{Currency, Money, Timestamp};
use daybook_metrics::VisitorSet;
use daybook_metrics::sessions::Day;

use super::aftermath::{Aftermath, Charge, Dispute};
use super::fates::{Fate, Placed};
use super::filing::{Key, NOTHING, TOTAL, date, day_number, period};
use super::{Days, Dimension, MAX_DIMENSIONS, money};
use crate::engine::ReadModelError;

/// The figures of a cell. Each thing counts on its own day: an order where it was paid, shipped or delivered, a refund
/// where it was granted, a dispute where it was opened, a review where it was posted. What became of an order later (a
/// refund, a return, a dispute) counts for the day of the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AfterSales {
    /// Orders paid.
    pub orders: u64,
    /// Distinct buyers who paid.
    pub buyers: u64,
    /// What they paid.
    pub gmv: Money,
    /// What went back in these days, whatever order it was of.
    pub refunded: Money,
    /// What went back of the orders paid in these days, whenever.
    pub refunded_of_orders: Money,
    /// Orders of which something went back.
    pub orders_refunded: u64,
    /// Of them, before release.
    pub refunded_before_release: u64,
    /// And after.
    pub refunded_after_release: u64,
    /// Orders with a dispute.
    pub orders_disputed: u64,
    /// Of them, by what it was about; one may have several.
    pub orders_disputed_about: BTreeMap<&'static str, u64>,
    /// Orders that arrived whole.
    pub delivered: u64,
    /// Of them, with a return asked for.
    pub returns: u64,
    /// And with an exchange.
    pub exchanges: u64,
    /// Orders shipped that had a day to ship by.
    pub shipped_promised: u64,
    /// Of them, on that day or before, as the market counts days.
    pub shipped_on_time: u64,
    /// Orders that arrived and had a day to arrive by.
    pub delivered_promised: u64,
    /// Of them, on that day or before.
    pub delivered_on_time: u64,
    /// From the order to its arrival.
    pub delivery: Times,
    /// Disputes opened.
    pub disputes: u64,
    /// What they are about, with how many.
    pub about: BTreeMap<&'static str, u64>,
    /// Of them, ruled.
    pub ruled: u64,
    /// For the buyer.
    pub ruled_for_buyer: u64,
    /// From the opening of a dispute to its end.
    pub resolution: Times,
    /// Reviews posted.
    pub reviews: u64,
    /// Of them, with 4 or 5 overall.
    pub positive: u64,
    /// Commission charged, less what was given back.
    pub commission: Money,
    /// Fees and penalties charged, less what was waived; they know a merchant and no sales channel.
    pub fees: Money,
}

/// How long things took, in microseconds: the nearest ranks of those that came to an end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// How many there were.
    pub count: u64,
    /// Half of them took no longer.
    pub median: Option<i64>,
    /// 95 in 100 took no longer.
    pub p95: Option<i64>,
}

impl Times {
    /// Of all the times, in any order.
    #[must_use]
    pub fn of(mut all: Vec<i64>) -> Self {
        all.sort_unstable();
        let rank = |percent: usize| all.get((all.len() * percent).div_ceil(100).checked_sub(1)?).copied();
        Self { count: all.len() as u64, median: rank(50), p95: rank(95) }
    }
}

/// A question about what became of orders.
#[derive(Clone, Debug)]
pub struct AfterSalesQuestion {
    /// Over which days.
    pub days: Days,
    /// By day, week, month, merchant, sales channel.
    pub by: Vec<Dimension>,
    /// Orders and money in which currency.
    pub currency: Currency,
}

/// Cells under the words of their dimensions; and all together.
pub type AfterSalesByCell = (Vec<(Vec<String>, AfterSales)>, AfterSales);

/// A cell while it is added up.
#[derive(Default)]
struct Sum {
    orders: u64,
    buyers: VisitorSet,
    gmv: i128,
    refunded: i128,
    refunded_of_orders: i128,
    orders_refunded: u64,
    before: u64,
    after: u64,
    orders_disputed: u64,
    orders_disputed_about: BTreeMap<&'static str, u64>,
    delivered: u64,
    returns: u64,
    exchanges: u64,
    shipped: (u64, u64),
    arrived: (u64, u64),
    delivery: Vec<i64>,
    disputes: u64,
    about: BTreeMap<&'static str, u64>,
    ruled: u64,
    ruled_for_buyer: u64,
    resolution: Vec<i64>,
    reviews: u64,
    positive: u64,
    commission: i128,
    fees: i128,
}

/// Where something is filed.
#[derive(Clone, Copy)]
struct Place {
    day: Day,
    merchant: Option<u32>,
    sales_channel: Option<u32>,
}

impl Placed {
    fn place(&self, day: Day) -> Place {
        Place { day, merchant: Some(self.merchant), sales_channel: Some(self.sales_channel) }
    }
}

struct Filing<'q> {
    of: &'q Aftermath,
    question: &'q AfterSalesQuestion,
    sums: BTreeMap<Key, Sum>,
}

impl Filing<'_> {
    fn day(&self, at: Timestamp) -> Day {
        day_number(self.of.calendar.day(at))
    }

    /// Adds to the cells that something counts in, if it lies in the question's days.
    fn add(&mut self, place: Place, change: impl Fn(&mut Sum)) {
        let Days { from, to } = self.question.days;
        if !(day_number(from)..=day_number(to)).contains(&place.day) {
            return;
        }
        change(self.sums.entry(TOTAL).or_default());
        let by = &self.question.by;
        if by.is_empty() {
            return;
        }
        let code = |dimension: &Dimension| match dimension {
            Dimension::Merchant => place.merchant.unwrap_or(NOTHING),
            Dimension::SalesChannel => place.sales_channel.unwrap_or(NOTHING),
            time => period(*time, place.day),
        };
        let key: Key = std::array::from_fn(|n| by.get(n).map_or(NOTHING, code));
        change(self.sums.entry(key).or_default());
    }

    fn order(&mut self, order: &Fate) {
        if let Some(at) = order.paid_at {
            let (before, after) = (order.back_before > 0, order.back_after > 0);
            let back = order.back_before.saturating_add(order.back_after);
            self.add(order.placed.place(self.day(at)), |sum| {
                sum.orders += 1;
                sum.buyers.insert(order.buyer);
                sum.gmv += i128::from(order.paid);
                sum.refunded_of_orders += i128::from(back);
                sum.orders_refunded += u64::from(before || after);
                sum.before += u64::from(before);
                sum.after += u64::from(after);
                sum.orders_disputed += u64::from(order.disputed().next().is_some());
                for category in order.disputed() {
                    *sum.orders_disputed_about.entry(category.as_str()).or_default() += 1;
                }
            });
        }
        if let (Some(at), Some(by)) = (order.shipped_at, order.ship_by) {
            let (day, promised) = (self.day(at), self.day(by));
            self.add(order.placed.place(day), |sum| {
                sum.shipped.0 += 1;
                sum.shipped.1 += u64::from(day <= promised);
            });
        }
        if let Some(at) = order.delivered_at {
            let day = self.day(at);
            let promised = order.deliver_by.map(|by| self.day(by));
            self.add(order.placed.place(day), |sum| {
                sum.delivered += 1;
                sum.returns += u64::from(order.returned);
                sum.exchanges += u64::from(order.exchanged);
                sum.arrived.0 += u64::from(promised.is_some());
                sum.arrived.1 += u64::from(promised.is_some_and(|promised| day <= promised));
                sum.delivery.push(at.0 - order.placed_at.0);
            });
        }
    }

    fn dispute(&mut self, dispute: &Dispute, order: &Placed) {
        self.add(order.place(self.day(dispute.opened_at)), |sum| {
            sum.disputes += 1;
            *sum.about.entry(dispute.category.as_str()).or_default() += 1;
            sum.ruled += u64::from(dispute.ruled_for.is_some());
            sum.ruled_for_buyer += u64::from(dispute.ruled_for == Some(RuledFor::Buyer));
            sum.resolution.extend(dispute.closed_at.map(|at| at.0 - dispute.opened_at.0));
        });
    }

    fn charge(&mut self, charge: &Charge) {
        let Charge { at, merchant, sales_channel, commission, amount } = *charge;
        let place = Place { day: self.day(at), merchant: Some(merchant), sales_channel };
        self.add(place, |sum| {
            let of = if commission { &mut sum.commission } else { &mut sum.fees };
            *of += i128::from(amount.minor);
        });
    }
}

impl Aftermath {
    /// Answers a question.
    ///
    /// # Errors
    /// [`ReadModelError::BadQuestion`] for another dimension, more than there may be, or sums beyond 64 bits.
    pub fn after_sales(&self, question: &AfterSalesQuestion) -> Result<AfterSalesByCell, ReadModelError> {
        let known =
            |by: &Dimension| by.is_time() || matches!(by, Dimension::Merchant | Dimension::SalesChannel);
        if question.by.len() > MAX_DIMENSIONS || !question.by.iter().all(known) {
            let why = format!(
                "what became of orders is asked by up to {MAX_DIMENSIONS} of day, week, month, merchant, sales_channel"
            );
            return Err(ReadModelError::BadQuestion(why));
        }
        let mut filing = Filing { of: self, question, sums: BTreeMap::new() };
        let asked = |order: &&Placed| order.currency == question.currency;
        for (_, order) in self.followed().filter(|(_, order)| asked(&&order.placed)) {
            filing.order(order);
        }
        for refund in &self.refunds {
            let order = &self.orders[refund.order as usize];
            if asked(&order) {
                let place = order.place(filing.day(refund.at));
                filing.add(place, |sum| sum.refunded += i128::from(refund.amount));
            }
        }
        for dispute in &self.disputes {
            let order = &self.orders[dispute.order as usize];
            if asked(&order) {
                filing.dispute(dispute, order);
            }
        }
        for review in &self.reviews {
            let order = review.order.map(|order| &self.orders[order as usize]);
            if order.is_some_and(|order| !asked(&order)) {
                continue;
            }
            let day = filing.day(review.at);
            let nobody = Place { day, merchant: None, sales_channel: None };
            filing.add(order.map_or(nobody, |order| order.place(day)), |sum| {
                sum.reviews += 1;
                sum.positive += u64::from(review.overall >= 4);
            });
        }
        for charge in self.charges.iter().filter(|charge| charge.amount.currency == question.currency) {
            filing.charge(charge);
        }
        let mut sums = filing.sums;
        let total = sums.remove(&TOTAL).unwrap_or_default().figures(question.currency)?;
        let word = |(by, code): (&Dimension, &u32)| match by {
            _ if *code == NOTHING => String::new(),
            Dimension::Merchant | Dimension::SalesChannel => self.names.text(*code).to_owned(),
            Dimension::Month => date(*code as Day).format("%Y-%m").to_string(),
            _ => date(*code as Day).to_string(),
        };
        let name = |(key, sum): (Key, Sum)| {
            let words = question.by.iter().zip(&key).map(word).collect();
            Ok((words, sum.figures(question.currency)?))
        };
        let mut cells: Vec<(Vec<String>, AfterSales)> =
            sums.into_iter().map(name).collect::<Result<_, ReadModelError>>()?;
        cells.sort_by(|a, b| a.0.cmp(&b.0));
        Ok((cells, total))
    }
}

impl Sum {
    fn figures(self, currency: Currency) -> Result<AfterSales, ReadModelError> {
        let money = |sum: i128| money(sum, currency);
        Ok(AfterSales {
            orders: self.orders,
            buyers: self.buyers.len(),
            gmv: money(self.gmv)?,
            refunded: money(self.refunded)?,
            refunded_of_orders: money(self.refunded_of_orders)?,
            orders_refunded: self.orders_refunded,
            refunded_before_release: self.before,
            refunded_after_release: self.after,
            orders_disputed: self.orders_disputed,
            orders_disputed_about: self.orders_disputed_about,
            delivered: self.delivered,
            returns: self.returns,
            exchanges: self.exchanges,
            shipped_promised: self.shipped.0,
            shipped_on_time: self.shipped.1,
            delivered_promised: self.arrived.0,
            delivered_on_time: self.arrived.1,
            delivery: Times::of(self.delivery),
            disputes: self.disputes,
            about: self.about,
            ruled: self.ruled,
            ruled_for_buyer: self.ruled_for_buyer,
            resolution: Times::of(self.resolution),
            reviews: self.reviews,
            positive: self.positive,
            commission: money(self.commission)?,
            fees: money(self.fees)?,
        })
    }
}
