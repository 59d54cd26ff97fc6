//! What a plan's targets came to, and what it takes to reach them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use chrono::NaiveDate;
use daybook_domain::campaign::events::FundedBy;
use daybook_domain::posting::{Account, Class};
use daybook_domain::{Currency, Event, EventKind, Timestamp};
use daybook_metrics::SessionRule;
use daybook_metrics::plan::{Attained, Beyond, Counts, Needs, Plan, Rates, Span, Takes, Target};

use super::Days;
use super::counted::Counting;
use super::history::History;
use super::most::{Memory, Most};
use crate::calendar::Calendar;
use crate::engine::{AsOf, Events, ReadModelError, ReadModels};
use crate::model::{Cut, Envelope, KindSet};

/// What plans look at beside traffic and sales.
const KINDS: KindSet =
    KindSet::MONEY.or(KindSet::of(&[EventKind::ReviewPosted, EventKind::CampaignSpendRecorded]));

/// Where what campaigns spent is booked.
const SPENT: (Class, &str) = (Class::Expenses, "Advertising");

/// What is known of the whole market, by day: reviews, what campaigns spent, and what the rest earned.
#[derive(Debug)]
pub struct MarketDays {
    /// The overall score of each review, as it was posted last, and on which day.
    reviews: BTreeMap<String, (NaiveDate, u8)>,
    /// Minor units that the market's campaigns spent, by currency and day.
    spend: BTreeMap<(Currency, NaiveDate), i128>,
    /// Minor units of income less expenses, what campaigns spent apart, by currency and the day they are booked on.
    contributed: BTreeMap<(Currency, NaiveDate), i128>,
}

/// A target with what it came to.
#[derive(Clone, Debug)]
pub struct Reached<'p> {
    /// The target.
    pub target: &'p Target,
    /// How far it is reached.
    pub attained: Attained,
    /// What its days so far came to.
    pub so_far: Counts,
    /// What it takes, where going on as today does not do.
    pub takes: Option<Takes>,
}

/// How a plan is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Today's rates are those of these last days; the last of them is today.
    pub last: Days,
    /// What a visit is.
    pub sessions: SessionRule,
}

impl ReadModels {
    /// Reviews, spend and contribution by day, as of a moment: one pass over their events alone.
    ///
    /// # Errors
    /// [`ReadModelError`]; `BadQuestion` where it would take more than 2 GiB of memory.
    pub fn market_days(&self, at: AsOf) -> Result<MarketDays, ReadModelError> {
        MarketDays::read(&self.events(at), self.calendar()?)
    }
}

impl MarketDays {
    /// As [`ReadModels::market_days`], of any events.
    ///
    /// # Errors
    /// [`ReadModelError`]; `BadQuestion` where it would take more than 2 GiB of memory.
    pub fn read(events: &dyn Events, calendar: Calendar) -> Result<Self, ReadModelError> {
        let mut days =
            Self { reviews: BTreeMap::new(), spend: BTreeMap::new(), contributed: BTreeMap::new() };
        let (at, mut memory) = (events.at(), Memory::of(Most::default()));
        events.visit(KINDS, &mut |_| {}, &mut |e| {
            if at.counts(Cut::Booked, e) {
                days.book(calendar.day(Timestamp(e.booked_at)), e);
            }
            if at.counts(Cut::Occurred, e) {
                days.happen(calendar, e);
            }
            memory.took(|| days.bytes())
        })?;
        memory.end(days.bytes(), "the reviews that this rests on", "ask as of an earlier day")?;
        Ok(days)
    }

    /// Bytes of memory that it takes, about: a review's id names its order and checkout too.
    fn bytes(&self) -> usize {
        self.reviews.len() * (size_of::<(String, (NaiveDate, u8))>() * 2 + 120)
            + (self.spend.len() + self.contributed.len()) * size_of::<((Currency, NaiveDate), i128)>() * 2
    }

    fn happen(&mut self, calendar: Calendar, e: &Envelope<'_>) {
        match e.event {
            Event::ReviewPosted(review) => {
                let of = |id: Option<&str>| id.unwrap_or_default().to_owned();
                let (order, checkout) =
                    (e.refs.order.as_ref().map(|o| o.as_str()), e.refs.checkout.as_ref().map(|c| c.as_str()));
                // one id may stand at several orders: each is a review
                let id = format!("{} {} {}", review.review.as_str(), of(order), of(checkout));
                self.reviews.insert(id, (calendar.day(Timestamp(e.occurred_at)), review.overall));
            }
            Event::CampaignSpendRecorded(spent) if spent.funded_by == FundedBy::Market => {
                let said = spent.day.as_str().parse().ok();
                let day = said.unwrap_or_else(|| calendar.day(Timestamp(e.occurred_at)));
                let sum = self.spend.entry((spent.amount.currency, day)).or_default();
                *sum = sum.saturating_add(spent.amount.minor.into());
            }
            _ => {}
        }
    }

    fn book(&mut self, day: NaiveDate, e: &Envelope<'_>) {
        for entry in e.entries {
            let Account { class, name, .. } = entry.account;
            if matches!(class, Class::Income | Class::Expenses) && (class, name) != SPENT {
                let sum = self.contributed.entry((entry.amount.currency, day)).or_default();
                *sum = sum.saturating_sub(entry.amount.minor.into());
            }
        }
    }
}

impl History {
    /// The first day on which anything was seen or ordered.
    #[must_use]
    pub fn begins(&self) -> Option<NaiveDate> {
        let seen = self.seen.iter().filter_map(|visitor| visitor.first_view);
        let first = seen.chain(self.sales.iter().map(|sale| sale.placed_at)).min()?;
        Some(self.calendar.day(first))
    }

    /// What each target of a plan came to by a day, and what it takes. The history has to reach back to the plan's
    /// first day and to the first of the last days.
    ///
    /// # Errors
    /// [`ReadModelError::BadQuestion`] for sums beyond what can be reckoned with.
    pub fn reached<'p>(
        &self,
        plan: &'p Plan,
        market: &MarketDays,
        asked: &Asked,
    ) -> Result<Vec<Reached<'p>>, ReadModelError> {
        let beyond = |error: Beyond| ReadModelError::BadQuestion(error.to_string());
        let mut counting = Counting::new(self, market, asked, plan.currency);
        let last = Span { from: asked.last.from, to: asked.last.to };
        let today = last.to;
        let day = Needs { days: true, apart: true, ..Needs::default() };
        let whole = counting.counts(last, None, day)?;
        let of_market = Rates {
            last: whole,
            spend: market.spend(plan.currency, last),
            paid_uv: (whole.daily.not_said_paid == 0).then_some(whole.daily.paid_uv),
            contribution: market.contribution(plan.currency, last),
            orders: whole.orders,
        };
        let mut rates: BTreeMap<Option<&str>, Rates> = BTreeMap::new();
        let mut reached = Vec::with_capacity(plan.targets.len());
        for target in &plan.targets {
            let so_far = match target.days.through(today) {
                Some(days) => {
                    counting.counts(days, target.sales_channel.as_deref(), target.metric.needs())?
                }
                None => Counts::default(),
            };
            let attained = target.attained(today, &so_far).map_err(beyond)?;
            let scope = target.sales_channel.as_deref();
            let rates = match rates.entry(scope) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(none) => {
                    let last = counting.counts(last, scope, day)?;
                    none.insert(Rates { last, ..of_market })
                }
            };
            let takes = target.takes(today, &so_far, rates).map_err(beyond)?;
            reached.push(Reached { target, attained, so_far, takes });
        }
        Ok(reached)
    }
}

impl MarketDays {
    pub(super) fn spend(&self, currency: Currency, days: Span) -> i128 {
        let of = self.spend.range((currency, days.from)..=(currency, days.to));
        of.fold(0, |sum, (_, minor)| sum.saturating_add(*minor))
    }

    /// What the market earned in these days less what its orders cost it, by what was booked in them: all income and
    /// expenses but what campaigns spent, in minor units.
    #[must_use]
    pub fn contribution(&self, currency: Currency, days: Span) -> i128 {
        let of = self.contributed.range((currency, days.from)..=(currency, days.to));
        of.fold(0, |sum, (_, minor)| sum.saturating_add(*minor))
    }

    /// Reviews, and those of 4 or 5.
    pub(super) fn reviews(&self, days: Span) -> (u64, u64) {
        let of = self.reviews.values().filter(|(day, _)| days.from <= *day && *day <= days.to);
        of.fold((0, 0), |(all, good), (_, score)| (all + 1, good + u64::from(*score >= 4)))
    }
}
