//! What it takes to reach a target: visitors, conversion or price, each beside today's.
//!
//! Today's rates are those of the last days, in the figures of days that add up: visitors a day, buyers a day, orders
//! for each buyer, GMV for each order. What is left of a sum is asked of the days that are left of its time; a level is
//! asked of one day. Sales that no recorded visit led to go on as they do, so visitors have to bring the rest:
//!
//! ```text
//! orders = UV x (buyers / UV) x (orders / buyer)
//! GMV    = UV x (buyers / UV) x (orders / buyer) x (GMV / order)
//! ```
//!
//! One factor is moved at a time and the others stay as they are today. 200 orders are not 200 buyers: at 1.25 orders
//! for each buyer they are 160, and at a conversion of 2 % 8,000 visitors.

use chrono::NaiveDate;

use super::{Beyond, Counts, Fraction, Kind, Metric, Sense, State, Target};

/// What the last days came to: today's rates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// The last days in the target's scope.
    pub last: Counts,
    /// Minor units that campaigns of the market spent in them.
    pub spend: i128,
    /// The whole market's paid visitors of each of these days, added up; none where reports do not say how many were.
    pub paid_uv: Option<u64>,
    /// Minor units that the market earned less what its orders cost it, without what campaigns spent, booked in them.
    pub contribution: i128,
    /// The whole market's paid orders in them.
    pub orders: u64,
}

/// A factor that could be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lever {
    /// What it is at today's rates.
    pub now: Fraction,
    /// What it has to be, the others as today; of a target of more than a value, more than this.
    pub needed: Fraction,
}

/// What it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Takes {
    /// Over how many days: those that are left of a sum's time; one of a level.
    pub days: u32,
    /// What has to come over these days: minor units, orders, buyers or visitors.
    pub goal: Fraction,
    /// What comes at today's rates.
    pub now: Fraction,
    /// Visitors over these days, each day's own: whole ones.
    pub uv: Option<Lever>,
    /// Buyers among them over these days: whole ones.
    pub buyers: Option<Lever>,
    /// The conversion of days.
    pub conversion: Option<Lever>,
    /// Minor units for each buyer of a day; of targets in money.
    pub unit_price: Option<Lever>,
    /// Orders for each buyer of a day; of targets in orders.
    pub orders_per_buyer: Option<Lever>,
    /// Minor units that the visitors cost who are more than today's, at today's spend for each paid visitor.
    pub uv_cost: Option<Fraction>,
    /// Minor units that reaching the goal brings beyond today's, at today's contribution of an order: the most that a
    /// better conversion or price may cost.
    pub worth: Option<Fraction>,
}

/// What is counted: in all, and of it what visitors brought.
struct Measure {
    all: i128,
    tracked: i128,
}

impl Target {
    /// What it takes to reach the target from what its days so far came to, at today's rates. None where the
    /// time is over, the target is reached by going on as today, or the metric is not one that visitors bring about.
    ///
    /// # Errors
    /// [`Beyond`].
    pub fn takes(&self, today: NaiveDate, so_far: &Counts, rates: &Rates) -> Result<Option<Takes>, Beyond> {
        let attained = self.attained(today, so_far)?;
        let Some(measure) = measure(self.metric, &rates.last) else { return Ok(None) };
        if attained.state == State::Over || self.sense == Sense::AtMost || rates.last.days == 0 {
            return Ok(None);
        }
        let (days, goal) = match self.metric.kind() {
            Kind::Daily => (1, self.value),
            _ => {
                let had = attained.actual.unwrap_or(Fraction::ZERO);
                (attained.days - attained.elapsed, self.value.minus(had).ok_or(Beyond)?)
            }
        };
        let reckoned = self.reckon(days, goal, &measure, rates).ok_or(Beyond)?;
        Ok(Some(reckoned).filter(|takes| !self.sense.met(takes.now, takes.goal)))
    }

    /// None beyond 127 bits.
    fn reckon(&self, days: u32, goal: Fraction, of: &Measure, rates: &Rates) -> Option<Takes> {
        let last = &rates.last;
        // the last days stretched or shrunk to those that are asked about
        let stretch = Fraction::new(days.into(), last.days.into())?;
        let over = |count: i128| Fraction::whole(count).times(stretch);
        let now = over(of.all)?;
        let mut takes = Takes {
            days,
            goal,
            now,
            uv: None,
            buyers: None,
            conversion: None,
            unit_price: None,
            orders_per_buyer: None,
            uv_cost: None,
            worth: None,
        };
        let (uv, buyers) = (i128::from(last.daily.uv), i128::from(last.daily.tracked.buyers));
        if of.tracked <= 0 || uv == 0 || last.unknown.daily {
            return Some(takes);
        }
        let from_visits = goal.minus(over(of.all.checked_sub(of.tracked)?)?)?;
        // how much more than the last days' visits brought
        let scale = from_visits.by(Fraction::whole(of.tracked))?;
        let whole = |count: i128| {
            let needed = Fraction::whole(count).times(scale)?;
            let needed = if self.sense == Sense::MoreThan { needed.floor() + 1 } else { needed.ceil() };
            Some(Lever { now: over(count)?, needed: Fraction::whole(needed.max(0)) })
        };
        let visitors = whole(uv)?;
        takes.uv = Some(visitors);
        let more = visitors.needed.minus(visitors.now)?.max(Fraction::ZERO);
        takes.uv_cost = match Fraction::new(rates.spend, rates.paid_uv.unwrap_or_default().into()) {
            Some(each) if rates.spend > 0 => Some(more.times(each)?),
            _ => None,
        };
        if buyers > 0 && self.metric != Metric::DailyUv {
            // one factor alone makes up for what is missing
            let factor = scale.by(stretch)?;
            let lever = |now: Fraction| Some(Lever { now, needed: now.times(factor)? });
            takes.buyers = Some(whole(buyers)?);
            takes.conversion = Some(lever(Fraction::new(buyers, uv)?)?);
            match self.metric {
                Metric::Gmv | Metric::DailyGmv => {
                    takes.unit_price = Some(lever(Fraction::new(last.daily.tracked.gmv, buyers)?)?);
                }
                Metric::Orders | Metric::DailyOrders => {
                    let each = Fraction::new(last.daily.tracked.orders.into(), buyers)?;
                    takes.orders_per_buyer = Some(lever(each)?);
                }
                _ => {}
            }
        }
        let missing = from_visits.minus(over(of.tracked)?)?;
        let orders = missing.times(Fraction::new(last.daily.tracked.orders.into(), of.tracked)?)?;
        takes.worth = match Fraction::new(rates.contribution, rates.orders.into()) {
            Some(each) => Some(orders.times(each)?),
            None => None,
        };
        Some(takes)
    }
}

/// What of the last days a target is about; none of those that visitors do not bring about.
fn measure(metric: Metric, last: &Counts) -> Option<Measure> {
    let (all, tracked) = match metric {
        Metric::Gmv | Metric::DailyGmv => (last.gmv, last.daily.tracked.gmv),
        Metric::Orders | Metric::DailyOrders => (last.orders.into(), last.daily.tracked.orders.into()),
        Metric::DailyBuyers => (last.daily.buyers.into(), last.daily.tracked.buyers.into()),
        Metric::DailyUv => (last.daily.uv.into(), last.daily.uv.into()),
        _ => return None,
    };
    Some(Measure { all, tracked })
}
