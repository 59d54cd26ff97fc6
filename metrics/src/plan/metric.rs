//! What a plan may aim at, and what it came to.

use std::fmt;
use std::str::FromStr;

use super::{Counts, Fraction, Needs, Unknown};

/// A metric that a plan may aim at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// What buyers paid.
    Gmv,
    /// The same less what went back to them in the time, of whichever orders.
    NetGmv,
    /// The same less what went back of these orders, whenever.
    NetGmvOfOrders,
    /// Paid orders.
    Orders,
    /// Distinct buyers.
    Buyers,
    /// Distinct visitors.
    Uv,
    /// Distinct visitors who came without being paid for.
    FreeUv,
    /// Distinct visitors who were paid for.
    PaidUv,
    /// Visitors first seen in the time.
    NewUv,
    /// Page views.
    Pv,
    /// Visits.
    Visits,
    /// What campaigns of the market spent.
    Spend,
    /// GMV a day.
    DailyGmv,
    /// Paid orders a day.
    DailyOrders,
    /// Buyers a day, each day's own.
    DailyBuyers,
    /// Visitors a day, each day's own.
    DailyUv,
    /// Free visitors a day.
    DailyFreeUv,
    /// Paid visitors a day.
    DailyPaidUv,
    /// Buyers among visitors.
    Conversion,
    /// The same of days: each day's buyers through each day's visitors.
    DailyConversion,
    /// GMV for each buyer.
    UnitPrice,
    /// GMV for each order.
    OrderValue,
    /// Orders for each buyer.
    OrdersPerBuyer,
    /// Page views for each visitor.
    PvPerUv,
    /// How long a visit lasts, in seconds.
    AverageStay,
    /// Visitors or visits that bounced, as the definition counts them.
    BounceRate,
    /// Visitors who are new.
    NewUvShare,
    /// GMV that went back to buyers.
    RefundedShare,
    /// Reviews of 4 or 5.
    PositiveRate,
    /// What campaigns of the market spent for each visitor.
    CostPerUv,
}

/// How a metric behaves over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It adds up over days: part of the time is part of the target.
    Sum,
    /// Distinct over the time: it grows with the days, but slower, since the same come again.
    Distinct,
    /// A level: so much a day.
    Daily,
    /// A ratio, whatever the time.
    Ratio,
}

/// What it is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Minor units of the plan's currency.
    Money,
    /// Pieces.
    Count,
    /// A part of one.
    Share,
    /// So many for each.
    Number,
}

const MICROSECONDS: i128 = 1_000_000;

impl Metric {
    /// All of them.
    pub const ALL: [Self; 30] = [
        Self::Gmv,
        Self::NetGmv,
        Self::NetGmvOfOrders,
        Self::Orders,
        Self::Buyers,
        Self::Uv,
        Self::FreeUv,
        Self::PaidUv,
        Self::NewUv,
        Self::Pv,
        Self::Visits,
        Self::Spend,
        Self::DailyGmv,
        Self::DailyOrders,
        Self::DailyBuyers,
        Self::DailyUv,
        Self::DailyFreeUv,
        Self::DailyPaidUv,
        Self::Conversion,
        Self::DailyConversion,
        Self::UnitPrice,
        Self::OrderValue,
        Self::OrdersPerBuyer,
        Self::PvPerUv,
        Self::AverageStay,
        Self::BounceRate,
        Self::NewUvShare,
        Self::RefundedShare,
        Self::PositiveRate,
        Self::CostPerUv,
    ];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gmv => "gmv",
            Self::NetGmv => "net_gmv",
            Self::NetGmvOfOrders => "net_gmv_of_orders",
            Self::Orders => "orders",
            Self::Buyers => "buyers",
            Self::Uv => "uv",
            Self::FreeUv => "free_uv",
            Self::PaidUv => "paid_uv",
            Self::NewUv => "new_uv",
            Self::Pv => "pv",
            Self::Visits => "visits",
            Self::Spend => "spend",
            Self::DailyGmv => "daily_gmv",
            Self::DailyOrders => "daily_orders",
            Self::DailyBuyers => "daily_buyers",
            Self::DailyUv => "daily_uv",
            Self::DailyFreeUv => "daily_free_uv",
            Self::DailyPaidUv => "daily_paid_uv",
            Self::Conversion => "conversion",
            Self::DailyConversion => "daily_conversion",
            Self::UnitPrice => "unit_price",
            Self::OrderValue => "order_value",
            Self::OrdersPerBuyer => "orders_per_buyer",
            Self::PvPerUv => "pv_per_uv",
            Self::AverageStay => "average_stay_s",
            Self::BounceRate => "bounce_rate",
            Self::NewUvShare => "new_uv_share",
            Self::RefundedShare => "refunded_share",
            Self::PositiveRate => "positive_rate",
            Self::CostPerUv => "cost_per_uv",
        }
    }

    /// How it behaves over time.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Gmv
            | Self::NetGmv
            | Self::NetGmvOfOrders
            | Self::Orders
            | Self::NewUv
            | Self::Pv
            | Self::Visits
            | Self::Spend => Kind::Sum,
            Self::Buyers | Self::Uv | Self::FreeUv | Self::PaidUv => Kind::Distinct,
            Self::DailyGmv
            | Self::DailyOrders
            | Self::DailyBuyers
            | Self::DailyUv
            | Self::DailyFreeUv
            | Self::DailyPaidUv => Kind::Daily,
            _ => Kind::Ratio,
        }
    }

    /// What it is counted in.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::Gmv
            | Self::NetGmv
            | Self::NetGmvOfOrders
            | Self::Spend
            | Self::DailyGmv
            | Self::UnitPrice
            | Self::OrderValue
            | Self::CostPerUv => Unit::Money,
            Self::Conversion
            | Self::DailyConversion
            | Self::BounceRate
            | Self::NewUvShare
            | Self::RefundedShare
            | Self::PositiveRate => Unit::Share,
            Self::OrdersPerBuyer | Self::PvPerUv | Self::AverageStay => Unit::Number,
            _ => Unit::Count,
        }
    }

    /// What is to be counted for it, beside orders and what was paid for them.
    #[must_use]
    pub const fn needs(self) -> Needs {
        let none = Needs { traffic: false, pages: false, apart: false, days: false, market: false };
        match self {
            Self::FreeUv | Self::PaidUv => Needs { apart: true, ..none },
            Self::Pv => Needs { traffic: true, pages: true, ..none },
            Self::Uv
            | Self::NewUv
            | Self::Visits
            | Self::Conversion
            | Self::PvPerUv
            | Self::AverageStay
            | Self::BounceRate
            | Self::NewUvShare => Needs { traffic: true, ..none },
            Self::DailyBuyers | Self::DailyUv | Self::DailyConversion => Needs { days: true, ..none },
            Self::DailyFreeUv | Self::DailyPaidUv => Needs { days: true, apart: true, ..none },
            Self::Spend | Self::PositiveRate => Needs { market: true, ..none },
            Self::CostPerUv => Needs { market: true, traffic: true, ..none },
            _ => none,
        }
    }

    /// Whether what sales channels have of it add up to what all have. Visitors and buyers do not: the same come to several.
    #[must_use]
    pub const fn adds_up_over_channels(self) -> bool {
        matches!(
            self,
            Self::Gmv
                | Self::NetGmv
                | Self::NetGmvOfOrders
                | Self::Orders
                | Self::Pv
                | Self::DailyGmv
                | Self::DailyOrders
        )
    }

    /// Whether it rests on something that nobody knows.
    #[must_use]
    pub const fn is_unknown(self, unknown: Unknown) -> bool {
        match self {
            Self::Uv | Self::Conversion | Self::CostPerUv => unknown.visitors,
            Self::PvPerUv => unknown.visitors || unknown.pages,
            Self::Pv => unknown.pages,
            Self::NewUv | Self::NewUvShare | Self::Visits | Self::AverageStay | Self::BounceRate => {
                unknown.visits
            }
            Self::FreeUv => unknown.free,
            Self::PaidUv => unknown.paid,
            Self::DailyUv | Self::DailyFreeUv | Self::DailyPaidUv | Self::DailyConversion => unknown.daily,
            _ => false,
        }
    }

    /// What it came to: nothing where there is nothing to divide by, or it is not known.
    #[must_use]
    pub fn actual(self, of: &Counts) -> Option<Fraction> {
        if self.is_unknown(of.unknown) {
            return None;
        }
        let whole = |n: u64| Some(Fraction::whole(i128::from(n)));
        let through = |upper: u64, lower: u64| Fraction::new(upper.into(), lower.into());
        let a_day = |n: u64| through(n, of.days.into());
        let each = |money: i128, count: u64| Fraction::new(money, count.into());
        match self {
            Self::Gmv => Some(Fraction::whole(of.gmv)),
            Self::NetGmv => Some(Fraction::whole(of.gmv.checked_sub(of.went_back)?)),
            Self::NetGmvOfOrders => Some(Fraction::whole(of.gmv.checked_sub(of.refunded)?)),
            Self::Spend => Some(Fraction::whole(of.spend)),
            Self::Orders => whole(of.orders),
            Self::Buyers => whole(of.buyers),
            Self::Uv => whole(of.uv),
            Self::FreeUv => whole(of.free_uv),
            Self::PaidUv => whole(of.paid_uv),
            Self::NewUv => whole(of.new_uv),
            Self::Pv => whole(of.pv.checked_add(of.pv_beside)?),
            Self::Visits => whole(of.visits),
            Self::DailyGmv => each(of.gmv, of.days.into()),
            Self::DailyOrders => a_day(of.orders),
            Self::DailyBuyers => a_day(of.daily.buyers),
            Self::DailyUv => a_day(of.daily.uv),
            Self::DailyFreeUv => a_day(of.daily.free_uv),
            Self::DailyPaidUv => a_day(of.daily.paid_uv),
            Self::Conversion => through(of.tracked_buyers, of.uv),
            Self::DailyConversion => through(of.daily.tracked.buyers, of.daily.uv),
            Self::UnitPrice => each(of.gmv, of.buyers),
            Self::OrderValue => each(of.gmv, of.orders),
            Self::OrdersPerBuyer => through(of.orders, of.buyers),
            Self::PvPerUv => through(of.pv, of.uv),
            Self::AverageStay => {
                Fraction::new(of.stay.into(), i128::from(of.visits).checked_mul(MICROSECONDS)?)
            }
            Self::BounceRate => through(of.bounced, of.bounced_of),
            Self::NewUvShare => through(of.new_uv, of.uv),
            Self::RefundedShare => Fraction::new(of.refunded, of.gmv),
            Self::PositiveRate => through(of.positive, of.reviews),
            Self::CostPerUv => each(of.spend, of.uv),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|metric| metric.as_str() == text).ok_or_else(|| {
            let all = Self::ALL.map(Self::as_str).join(", ");
            format!("{text:?} is no metric of a plan: name one of {all}")
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_rests_on_what_nobody_knows_is_not_known_and_nothing_else() {
        let counts = Counts { days: 1, gmv: 1, orders: 1, buyers: 1, uv: 1, visits: 1, ..Counts::default() };
        let counts = Counts { bounced_of: 1, reviews: 1, ..counts };
        let daily = crate::plan::Daily { uv: 1, ..counts.daily };
        let lost = |unknown| {
            let of = Counts { daily, unknown, ..counts };
            Metric::ALL.into_iter().filter(|metric| metric.actual(&of).is_none()).collect::<Vec<_>>()
        };
        assert_eq!(lost(Unknown::default()), []);
        let unknown = Unknown { visitors: true, ..Unknown::default() };
        assert_eq!(lost(unknown), [Metric::Uv, Metric::Conversion, Metric::PvPerUv, Metric::CostPerUv]);
        let unknown = Unknown { daily: true, paid: true, ..Unknown::default() };
        let days = [Metric::DailyUv, Metric::DailyFreeUv, Metric::DailyPaidUv, Metric::DailyConversion];
        assert_eq!(lost(unknown), [&[Metric::PaidUv], &days[..]].concat());
    }
}
