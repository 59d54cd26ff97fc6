//! Figures of traffic and sales over any range of days, from one pass over the journal.
//!
//! Shape: [`History`] folds what metrics rest on (views, acts, orders, their funding and refunds) once and keeps it
//! interned; [`History::cells`], [`History::explain`] and [`History::attribute`] then answer any number of questions from it, by the functions
//! of `daybook-metrics`. Nothing is kept between questions but the journal: what a visit is, how a visitor came and
//! who earned an order are parameters, so the answer under another definition is one more question, and live read
//! models that come to hold the same figures have something to be held against.
//!
//! Cost: about a second for a million events. Memory: for each hit from the look-back before the range on 24 bytes, and some
//! 100 for each page and each way to come that is new (a page looked at from another region, another search term);
//! for each visitor of all time some 100 with its id, for each order of all time some 150 with its id, for the lines of
//! those that were not both placed and paid before the range 64 each, with 16 more for each time that a product moved to
//! another category, for each refund 24; for each text once. What would take more than 2 GiB is
//! refused, unless it is asked in parts ([`History::cells_in_parts`]). [`Aftermath`] takes some 250 bytes for each order that was not over before the range and 80 for
//! each that was, some 250 for each inquiry of all time, and is refused there too.
//!
//! What belongs to a day: a view, and so UV and PV, to its own; a visit with its stay and its bounce to the day
//! on which it began; an order, its buyer and its GMV to the day on which its payment was complete.
//!
//! What belongs to a product or a category: of sales, the lines of an order, with what was paid for them; of views, the
//! pages of the product, whose category is the one that it was last sold in at the time of the view (or, where it was not
//! sold yet, first sold in by the end of the range): a product that moves leaves what was seen of it where it was, and no later
//! sale moves anything in days that are over. Sold is what was paid for, from when it was paid.
//!
//! Who is credited with an order: its visitor's last visit before it, looked back for over 30 days, or as
//! [`History::attribute`] is asked to. An order that names no
//! visitor, or one that nobody saw, is *untracked* and stands on a line of its own: tracked + untracked is all GMV. So is
//! one that was paid more than [`PAID_WITHIN`] after it was placed, whichever range it is asked about in. Where
//! a sales channel reported its own visitors of a day, they track all that it sold on that day, in figures by sales channel
//! and time alone: how they came nobody knows, and how many different ones several days had neither.

mod activity;
mod after_sales;
mod aftermath;
mod assessment;
mod attributed;
mod buyers;
mod called;
mod came;
mod campaign;
mod categories;
mod cells;
mod counted;
mod explained;
mod fates;
mod filing;
mod funnel;
mod history;
mod inquiries;
mod leads;
pub(crate) mod live;
mod most;
mod names;
mod parted;
mod planned;
mod products;
mod ranked;
mod reported;
mod sales;
mod seen;
mod service;
mod sites;

pub use activity::{Activity, Depth, HeldOut, RESTATED, Side};
pub use after_sales::{AfterSales, AfterSalesByCell, AfterSalesQuestion, Times};
pub use aftermath::Aftermath;
pub use assessment::{Assessment, AssessmentRules, Figure, Rule, Tier};
pub use attributed::{Attributed, Earned, PARTS};
pub use buyers::{BuyerFigures, BuyersByCell};
pub use came::OrdersOf;
pub use campaign::{Brought, CampaignBooks, Campaigns, Credited, planned};
pub use cells::{Cell, Cells};
pub use explained::{ExplainedCell, Explanation};
pub use funnel::{Funnel, Steps};
pub use history::{History, PAID_WITHIN};
pub use leads::LeadFigures;
pub use most::Most;
pub use planned::{Asked, MarketDays, Reached};
pub use products::{Pareto, ProductFigures, Products};
pub use reported::Reported;
pub use service::{FAST, Service, ServiceFigures, ServiceQuestion};
pub use sites::Sites;

use std::fmt;
use std::str::FromStr;

use chrono::{Months, NaiveDate};
use daybook_domain::{Currency, Money};
pub use daybook_metrics::{Definition, SessionRule};

use crate::engine::ReadModelError;

/// Days from the first through the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    /// The first.
    pub from: NaiveDate,
    /// The last.
    pub to: NaiveDate,
}

impl FromStr for Days {
    type Err = String;

    /// A month (`2018-05`), a day, or from one to another (`2018-05-01..2018-05-15`).
    fn from_str(text: &str) -> Result<Self, String> {
        let say = || format!("{text:?} are no days: write 2018-05, 2018-05-03 or 2018-05-01..2018-05-15");
        let day = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        let one = |text: &str| match day(text) {
            Some(day) => Some(Self { from: day, to: day }),
            None => {
                let from = day(&format!("{text}-01"))?;
                let to = from.checked_add_months(Months::new(1))?.pred_opt()?;
                Some(Self { from, to })
            }
        };
        let found = match text.split_once("..") {
            None => one(text),
            Some((from, to)) => one(from).zip(one(to)).map(|(from, to)| Self { from: from.from, to: to.to }),
        };
        let found = found.ok_or_else(say)?;
        if found.from > found.to {
            return Err(format!("{text:?} ends before it begins"));
        }
        Ok(found)
    }
}

/// What figures are asked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    /// Business day.
    Day,
    /// Week, named by its Monday.
    Week,
    /// Month.
    Month,
    /// Traffic channel.
    Channel,
    /// The campaign that a link named.
    Campaign,
    /// The merchant whose page was seen, and who sold.
    Merchant,
    /// Where the page stands and the sale was made.
    SalesChannel,
    /// The category of what was seen and sold.
    Category,
    /// What was seen and sold.
    Product,
    /// The page seen; no sale is made on one.
    Page,
    /// What kind of page was seen; no sale is made on one.
    Topic,
    /// Paid or free traffic.
    Paid,
    /// The search engine, network, partner or host that the visitor came from.
    Site,
    /// What the visitor searched for before it came.
    Term,
    /// Where the visitor was; of a sale, where the visit that led to it began.
    Region,
    /// Hour of the day, 00 to 23.
    Hour,
    /// Day of the week.
    Weekday,
    /// New or returning: whether the visitor was first seen within the range.
    Visitor,
}

impl Dimension {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Day,
        Self::Week,
        Self::Month,
        Self::Channel,
        Self::Campaign,
        Self::Merchant,
        Self::SalesChannel,
        Self::Category,
        Self::Product,
        Self::Page,
        Self::Topic,
        Self::Paid,
        Self::Site,
        Self::Term,
        Self::Region,
        Self::Hour,
        Self::Weekday,
        Self::Visitor,
    ];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Channel => "channel",
            Self::Campaign => "campaign",
            Self::Merchant => "merchant",
            Self::SalesChannel => "sales_channel",
            Self::Category => "category",
            Self::Product => "product",
            Self::Page => "page",
            Self::Topic => "topic",
            Self::Paid => "paid",
            Self::Site => "site",
            Self::Term => "term",
            Self::Region => "region",
            Self::Hour => "hour",
            Self::Weekday => "weekday",
            Self::Visitor => "visitor",
        }
    }

    /// Whether it cuts time.
    #[must_use]
    pub const fn is_time(self) -> bool {
        matches!(self, Self::Day | Self::Week | Self::Month)
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Dimension {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|dimension| dimension.as_str() == text).ok_or_else(|| {
            let all = Self::ALL.map(Self::as_str).join(", ");
            format!("{text:?} is nothing to ask by: use {all}")
        })
    }
}

/// A question.
#[derive(Clone, Debug)]
pub struct Question {
    /// Over which days.
    pub days: Days,
    /// By what: up to [`MAX_DIMENSIONS`].
    pub by: Vec<Dimension>,
    /// What a visit is.
    pub sessions: SessionRule,
    /// Sales in which currency.
    pub currency: Currency,
}

impl Question {
    /// A question with the timeout that a definition begins with.
    #[must_use]
    pub fn new(days: Days, by: Vec<Dimension>, definition: Definition, currency: Currency) -> Self {
        Self { days, by, sessions: SessionRule::of(definition), currency }
    }
}

impl Question {
    /// Refuses more dimensions than there may be.
    fn has_few_dimensions(&self) -> Result<(), ReadModelError> {
        if self.by.len() <= MAX_DIMENSIONS {
            return Ok(());
        }
        let why = format!("figures are asked by {MAX_DIMENSIONS} dimensions at most");
        Err(ReadModelError::BadQuestion(why))
    }
}

/// A sum of minor units as an amount.
fn money(sum: i128, currency: Currency) -> Result<Money, ReadModelError> {
    i64::try_from(sum).map(|minor| Money::new(minor, currency)).map_err(|_| beyond())
}

fn beyond() -> ReadModelError {
    ReadModelError::BadQuestion("a sum is beyond 64 bits: ask about fewer days".to_owned())
}

/// Most dimensions of a question.
pub const MAX_DIMENSIONS: usize = 3;
