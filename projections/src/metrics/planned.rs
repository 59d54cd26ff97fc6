//! What a plan's targets came to, and what it takes to reach them.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use chrono::NaiveDate;
use daybook_domain::campaign::events::FundedBy;
use daybook_domain::{Currency, Event, EventKind, Money, Timestamp};
use daybook_metrics::SessionRule;
use daybook_metrics::plan::{Attained, Beyond, Counts, Needs, Plan, Rates, Span, Takes, Target};

use super::cells::{Cell, Cells};
use super::filing::Filing;
use super::history::History;
use super::{Days, Dimension, Question};
use crate::engine::{AsOf, ReadModelError, ReadModels};
use crate::model::KindSet;

/// What plans look at beside traffic and sales.
const KINDS: KindSet = KindSet::of(&[EventKind::ReviewPosted, EventKind::CampaignSpendRecorded]);

/// What is known of the whole market, by day: reviews, and what campaigns spent.
#[derive(Debug)]
pub struct MarketDays {
    /// The overall score of each review, as it was posted last, and on which day.
    reviews: BTreeMap<String, (NaiveDate, u8)>,
    /// Minor units that the market's campaigns spent, by currency and day.
    spend: BTreeMap<(Currency, NaiveDate), i128>,
}

/// A target with what it came to.
#[derive(Clone, Debug)]
pub struct Reached<'p> {
    /// The target.
    pub target: &'p Target,
    /// How far it is reached.
    pub attained: Attained,
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
    /// What the market earned in the last days less what its orders cost it: [`ReadModels::contribution`].
    pub contribution: Money,
}

impl ReadModels {
    /// Reviews and spend by day, as of a moment: one pass over their events alone.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn market_days(&self, at: AsOf) -> Result<MarketDays, ReadModelError> {
        let calendar = self.calendar()?;
        let mut days = MarketDays { reviews: BTreeMap::new(), spend: BTreeMap::new() };
        self.each_event(KINDS, at, &mut |_| {}, &mut |e| {
            match e.event {
                Event::ReviewPosted(review) => {
                    let of = |id: Option<&str>| id.unwrap_or_default().to_owned();
                    let (order, checkout) = (
                        e.refs.order.as_ref().map(|o| o.as_str()),
                        e.refs.checkout.as_ref().map(|c| c.as_str()),
                    );
                    // one id may stand at several orders: each is a review
                    let id = format!("{} {} {}", review.review.as_str(), of(order), of(checkout));
                    days.reviews.insert(id, (calendar.day(Timestamp(e.occurred_at)), review.overall));
                }
                Event::CampaignSpendRecorded(spent) if spent.funded_by == FundedBy::Market => {
                    let said = spent.day.as_str().parse().ok();
                    let day = said.unwrap_or_else(|| calendar.day(Timestamp(e.occurred_at)));
                    let sum = days.spend.entry((spent.amount.currency, day)).or_default();
                    *sum = sum.saturating_add(spent.amount.minor.into());
                }
                _ => {}
            }
            ControlFlow::Continue(())
        })?;
        Ok(days)
    }

    /// What the market earned in these days less what its orders cost it, by what was booked in them: all income and
    /// expenses but what campaigns spent.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn contribution(&self, days: Days, currency: Currency, at: AsOf) -> Result<Money, ReadModelError> {
        let calendar = self.calendar()?;
        let end = calendar.end_of(days.to).0;
        let at = AsOf { business: Some(at.business.map_or(end, |cut| cut.min(end))), ..at };
        let booked = self.profit_loss(Some(calendar.start_of(days.from).0), at, false)?;
        let lines = booked.lines.iter().filter(|line| line.currency == currency.as_str());
        let mut orders =
            lines.filter(|line| (line.class.as_str(), line.name.as_str()) != ("Expenses", "Advertising"));
        let sum =
            orders.try_fold(Money::zero(currency), |sum, line| sum.add(Money::new(line.amount, currency)));
        sum.map_err(|error| ReadModelError::BadQuestion(error.to_string()))
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
        let mut counting =
            Counting { history: self, market, asked, currency: plan.currency, cells: BTreeMap::new() };
        let last = Span { from: asked.last.from, to: asked.last.to };
        let today = last.to;
        let day = Needs { days: true, apart: true, ..Needs::default() };
        let whole = counting.counts(last, None, day)?;
        let of_market = Rates {
            last: whole,
            spend: market.spend(plan.currency, last),
            paid_uv: whole.daily.paid_uv,
            contribution: asked.contribution.minor.into(),
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
            reached.push(Reached { target, attained, takes });
        }
        Ok(reached)
    }
}

impl MarketDays {
    fn spend(&self, currency: Currency, days: Span) -> i128 {
        let of = self.spend.range((currency, days.from)..=(currency, days.to));
        of.fold(0, |sum, (_, minor)| sum.saturating_add(*minor))
    }

    /// Reviews, and those of 4 or 5.
    fn reviews(&self, days: Span) -> (u64, u64) {
        let of = self.reviews.values().filter(|(day, _)| days.from <= *day && *day <= days.to);
        of.fold((0, 0), |(all, good), (_, score)| (all + 1, good + u64::from(*score >= 4)))
    }
}

/// Counts of many times and scopes; each question is asked once.
struct Counting<'h> {
    history: &'h History,
    market: &'h MarketDays,
    asked: &'h Asked,
    currency: Currency,
    cells: BTreeMap<(Span, Vec<Dimension>), Cells>,
}

impl Counting<'_> {
    fn counts(&mut self, days: Span, channel: Option<&str>, needs: Needs) -> Result<Counts, ReadModelError> {
        let mut counts = Counts { days: days.count(), ..Counts::default() };
        self.sold(days, channel, &mut counts);
        if needs.market {
            counts.spend = self.market.spend(self.currency, days);
            (counts.reviews, counts.positive) = self.market.reviews(days);
        }
        if needs.traffic {
            for (_, cell) in self.of(days, channel, &[])? {
                let (bounced, of) = cell.bounce_rate(self.asked.sessions.definition);
                counts.uv += cell.uv;
                counts.new_uv += cell.new_uv;
                counts.pv += cell.pv;
                counts.visits += cell.visits;
                counts.bounced += bounced;
                counts.bounced_of += of;
                counts.stay = counts.stay.saturating_add(cell.stay);
                counts.tracked_buyers += cell.buyers;
            }
        }
        if needs.apart && !needs.days {
            for (way, cell) in self.of(days, channel, &[Dimension::Paid])? {
                *(if way == "paid" { &mut counts.paid_uv } else { &mut counts.free_uv }) += cell.uv;
            }
        }
        if needs.days {
            let mut each = self.of(days, channel, &[Dimension::Day])?;
            if channel.is_none() {
                // whom sales channels reported were seen by nobody here, so they come on top
                let by_channel = self.found(days, vec![Dimension::Day, Dimension::SalesChannel])?;
                each.extend(
                    by_channel.cells.iter().filter(|(_, cell)| cell.reported).cloned().map(first_word),
                );
            }
            let daily = &mut counts.daily;
            for (_, cell) in each {
                daily.uv += cell.uv;
                daily.tracked.buyers += cell.buyers;
                daily.tracked.orders += cell.orders;
                daily.tracked.gmv += i128::from(cell.gmv.minor);
            }
        }
        if needs.days && needs.apart {
            for (way, cell) in self.of(days, channel, &[Dimension::Paid, Dimension::Day])? {
                let daily = &mut counts.daily;
                *(if way == "paid" { &mut daily.paid_uv } else { &mut daily.free_uv }) += cell.uv;
            }
        }
        Ok(counts)
    }

    /// Every sale, whether or not a recorded visit led to it.
    fn sold(&self, days: Span, channel: Option<&str>, counts: &mut Counts) {
        let question = self.question(days, &[]);
        let (mut buyers, mut daily) = (BTreeSet::new(), BTreeSet::new());
        for sale in Filing::of(self.history, &question).sales() {
            if channel.is_some_and(|channel| self.history.name(sale.sales_channel) != channel) {
                continue;
            }
            counts.orders += 1;
            counts.gmv += i128::from(sale.paid);
            counts.refunded += i128::from(sale.refunded);
            buyers.insert(sale.buyer);
            daily.insert((sale.paid_at.map(|at| self.history.day(at)), sale.buyer));
        }
        counts.buyers = buyers.len() as u64;
        counts.daily.buyers = daily.len() as u64;
    }

    fn question(&self, days: Span, by: &[Dimension]) -> Question {
        let Span { from, to } = days;
        let sessions = self.asked.sessions;
        Question { days: Days { from, to }, by: by.to_vec(), sessions, currency: self.currency }
    }

    /// The cells of a time, of one sales channel where one is asked about, each under its first other word.
    fn of(
        &mut self,
        days: Span,
        channel: Option<&str>,
        by: &[Dimension],
    ) -> Result<Vec<(String, Cell)>, ReadModelError> {
        let sales_channel = channel.map(|_| Dimension::SalesChannel);
        let by: Vec<Dimension> = by.iter().copied().chain(sales_channel).collect();
        let whole = by.is_empty();
        let found = self.found(days, by)?;
        if whole {
            return Ok(vec![(String::new(), found.total)]);
        }
        let ours =
            |words: &[String]| channel.is_none_or(|channel| words.last().is_some_and(|word| word == channel));
        let cells = found.cells.iter().filter(|(words, _)| ours(words));
        Ok(cells.cloned().map(first_word).collect())
    }

    fn found(&mut self, days: Span, by: Vec<Dimension>) -> Result<&Cells, ReadModelError> {
        let question = self.question(days, &by);
        match self.cells.entry((days, by)) {
            Entry::Occupied(found) => Ok(found.into_mut()),
            Entry::Vacant(none) => Ok(none.insert(self.history.cells(&question)?)),
        }
    }
}

fn first_word((words, cell): (Vec<String>, Cell)) -> (String, Cell) {
    (words.into_iter().next().unwrap_or_default(), cell)
}
