//! What is counted for a plan, and what is not known of it.

/// What is to be counted before a metric can be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Traffic over the whole time: distinct visitors, views, visits.
    pub traffic: bool,
    /// Pages that sales channels reported.
    pub pages: bool,
    /// Free and paid visitors apart.
    pub apart: bool,
    /// Each day's own visitors and buyers.
    pub days: bool,
    /// Reviews, or what campaigns spent: known for the market only, not by sales channel.
    pub market: bool,
}

/// What a time came to in one scope: all sales, or those of a sales channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Days.
    pub days: u32,
    /// Minor units that buyers paid.
    pub gmv: i128,
    /// Minor units of that which went back, whenever.
    pub refunded: i128,
    /// Minor units that went back in the time, of whichever orders.
    pub went_back: i128,
    /// Paid orders.
    pub orders: u64,
    /// Distinct buyers.
    pub buyers: u64,
    /// Distinct buyers of orders that a visit led to.
    pub tracked_buyers: u64,
    /// Distinct visitors.
    pub uv: u64,
    /// Distinct visitors who were not paid for.
    pub free_uv: u64,
    /// Distinct visitors who were paid for.
    pub paid_uv: u64,
    /// Visitors first seen in the time.
    pub new_uv: u64,
    /// Page views of these visitors as the definition counts them.
    pub pv: u64,
    /// Pages that sales channels reported, of visitors who are not in `uv`.
    pub pv_beside: u64,
    /// Visits.
    pub visits: u64,
    /// Those that bounced, visitors or visits as the definition counts them.
    pub bounced: u64,
    /// Of so many visitors or visits.
    pub bounced_of: u64,
    /// How long visits lasted together, in microseconds.
    pub stay: i64,
    /// Each day's own, added up.
    pub daily: Daily,
    /// Reviews.
    pub reviews: u64,
    /// Of them, those of 4 or 5.
    pub positive: u64,
    /// Minor units that campaigns of the market spent.
    pub spend: i128,
    /// What of all this nobody knows, because a sales channel reported it.
    pub unknown: Unknown,
}

/// What is not known where a sales channel reported its visitors: it says how many each day had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unknown {
    /// Distinct visitors of several days.
    pub visitors: bool,
    /// Visits, and who was new.
    pub visits: bool,
    /// Page views: several sources reported one day.
    pub pages: bool,
    /// Distinct visitors who were not paid for.
    pub free: bool,
    /// Distinct visitors who were paid for.
    pub paid: bool,
    /// A day's visitors: several sources reported it.
    pub daily: bool,
}

/// Orders that a visit led to, recorded or reported by the sales channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tracked {
    /// Orders.
    pub orders: u64,
    /// Buyers, distinct within each day.
    pub buyers: u64,
    /// Minor units that they paid.
    pub gmv: i128,
}

/// Distinct within each day, and added up over the days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Daily {
    /// Visitors.
    pub uv: u64,
    /// Free ones.
    pub free_uv: u64,
    /// Paid ones.
    pub paid_uv: u64,
    /// Reported visitors of whom nothing says how many were free.
    pub not_said_free: u64,
    /// Reported visitors of whom nothing says how many were paid for.
    pub not_said_paid: u64,
    /// Buyers.
    pub buyers: u64,
    /// Orders that a visit led to.
    pub tracked: Tracked,
}
