//! What happened within a campaign, over its time: who came to its pages, who took part, what they bought, beside all that
//! its shop did in that time.

use std::collections::{BTreeMap, BTreeSet};

use daybook_domain::campaign::events::CampaignPlanned;
use daybook_domain::time::DAY;
use daybook_domain::traffic::events::Act;
use daybook_domain::{CampaignId, Event, Timestamp};
use daybook_metrics::attribution::AttributionRule;
use daybook_metrics::channel::page_itself;
use daybook_metrics::lift::{Group, Lift, LiftError, lift};
use daybook_metrics::plan::Fraction;
use daybook_metrics::sessions::{Day, SessionRule};

use super::campaign::Campaigns;
use super::filing::Came;
use super::history::History;
use super::sales::{Refund, Sale};
use super::{Days, Dimension, Question};
use crate::engine::ReadModelError;
use crate::model::Envelope;

/// How long before a campaign a visitor may have been seen last to count among those whom it was meant for: 30 days.
const SEEN_WITHIN: i64 = 30 * DAY;
const WEEK: i64 = 7 * DAY;

/// What named a campaign: hits done in it, orders placed by it.
#[derive(Debug)]
pub(super) struct Watch {
    campaign: CampaignId,
    hits: BTreeMap<(u32, Timestamp), Option<Act>>,
    orders: BTreeSet<usize>,
    /// When the last of all that was looked at happened.
    last: Timestamp,
}

/// How long after a campaign's end its return is stated again, in days: as returns land.
pub const RESTATED: [i64; 3] = [7, 30, 90];

/// What goods were sold at inside a campaign, of lines that carry a list price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Lines with a list price.
    pub lines: u64,
    /// What the buyer paid for the goods of the line with the deepest discount, and their list price, minor units.
    pub deepest: Option<(i64, i64)>,
    /// Lines below the lowest share of the list price that the campaign's plan allows.
    pub below_floor: u64,
}

/// Sums over a campaign's time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// Distinct visitors.
    pub uv: u64,
    /// Visitors of each day, added up.
    pub daily_uv: u64,
    /// Distinct buyers whose payment was completed.
    pub buyers: u64,
    /// Buyers of each day, added up.
    pub daily_buyers: u64,
    /// Orders paid.
    pub orders: u64,
    /// What was paid for them, minor units.
    pub gmv: i64,
}

/// A campaign's time: within it, and all of its shop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Views of its pages, presses of its entries and landings by its links, repeats counted.
    pub clicks: u64,
    /// Visitors of its pages and entries, and those who took part; orders that named it or that it subsidised.
    pub inside: Side,
    /// All of the market, or of the merchant whose campaign it is.
    pub shop: Side,
    /// The same on as many weekdays before; none where that lies before what was looked at.
    pub before: Option<Side>,
    /// Visitors who did something in it, or bought.
    pub participants: u64,
    /// Of them, those who bought.
    pub participants_bought: u64,
    /// Distinct buyers of the shop who bought outside of it.
    pub buyers_outside: u64,
    /// What was left of the GMV inside [`RESTATED`] days after its end; none where so many have not passed.
    pub net_after: [Option<i64>; RESTATED.len()],
    /// What goods were sold at inside.
    pub depth: Depth,
}

/// A campaign beside those who were held out of it.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldOut {
    /// Visitors seen in its time or the 30 days before who were not held out, and what they spent in its time.
    pub campaign: Group,
    /// The others.
    pub holdout: Group,
    /// Whether the groups' sizes are too far from the plan's share for chance (beyond 4 standard deviations): then the
    /// campaign brought visitors itself, and the groups are not alike.
    pub uneven: bool,
    /// The difference.
    pub lift: Result<Lift, LiftError>,
    /// What last click credits it with, of the orders placed in its time, minor units.
    pub last_click: i64,
}

impl Watch {
    pub fn of(campaign: CampaignId) -> Self {
        Self { campaign, hits: BTreeMap::new(), orders: BTreeSet::new(), last: Timestamp(i64::MIN) }
    }

    /// Bytes of memory that it takes, about.
    pub fn bytes(&self) -> usize {
        let hits = self.hits.len() * size_of::<((u32, Timestamp), Option<Act>)>();
        (hits + self.orders.len() * size_of::<usize>()) * 2
    }

    pub fn fold(&mut self, e: &Envelope<'_>, history: &mut History) {
        let ours = Some(self.campaign);
        let at = Timestamp(e.occurred_at);
        self.last = self.last.max(at);
        match e.event {
            Event::PageViewed(view) if view.campaign == ours => {
                self.hits.entry((history.visitor(view.visitor.as_str()), at)).or_insert(None);
            }
            Event::VisitorActed(act) if act.campaign == ours => {
                self.hits.insert((history.visitor(act.visitor.as_str()), at), Some(act.act));
            }
            Event::OrderPlaced(order)
                if order.campaign == ours || order.subsidies.iter().any(|of| Some(of.campaign) == ours) =>
            {
                self.orders.insert(history.sales.len() - 1);
            }
            _ => {}
        }
    }
}

/// The time and the shop of a campaign.
struct Scope<'h> {
    history: &'h History,
    from: Timestamp,
    to: Timestamp,
    /// Whose pages and orders count; all where none.
    merchant: Option<u32>,
    currency: daybook_domain::Currency,
}

impl<'h> Scope<'h> {
    fn of(history: &'h History, plan: &CampaignPlanned) -> Self {
        let unknown = u32::MAX;
        let merchant = plan.merchant.map(|m| history.names.known(m.as_str()).unwrap_or(unknown));
        Self { history, from: plan.starts, to: plan.ends, merchant, currency: plan.budget.currency }
    }

    /// The same, so much earlier.
    fn earlier(&self, by: i64) -> Self {
        Self { from: Timestamp(self.from.0 - by), to: Timestamp(self.to.0 - by), ..*self }
    }

    fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    fn is_shops(&self, merchant: Option<u32>) -> bool {
        self.merchant.is_none() || self.merchant == merchant
    }

    /// Its orders of this time, by the instant that counts.
    fn sales(&self, when: impl Fn(&Sale) -> Option<Timestamp>) -> impl Iterator<Item = (usize, &'h Sale)> {
        self.history.sales.iter().enumerate().filter(move |(_, sale)| {
            let paid = sale.paid_at.is_some() && sale.currency == self.currency;
            paid && self.is_shops(Some(sale.merchant)) && when(sale).is_some_and(|at| self.holds(at))
        })
    }

    /// All that the shop did.
    fn shop(&self) -> Side {
        let mut side = Side::default();
        let mut days: BTreeSet<Day> = BTreeSet::new();
        for visitor in &self.history.seen {
            days.clear();
            for hit in visitor.hits.iter().filter(|hit| hit.act.is_none() && self.holds(hit.at)) {
                if self.is_shops(self.history.shown[hit.page as usize].merchant) {
                    days.insert(self.history.day(hit.at));
                }
            }
            side.visit(&days);
        }
        side.sell(self.history, self.sales(|sale| sale.paid_at).map(|(_, sale)| sale));
        side
    }
}

impl Side {
    fn visit(&mut self, days: &BTreeSet<Day>) {
        self.uv += u64::from(!days.is_empty());
        self.daily_uv += days.len() as u64;
    }

    fn sell<'s>(&mut self, history: &History, sales: impl Iterator<Item = &'s Sale>) {
        let (mut buyers, mut daily) = (BTreeSet::new(), BTreeSet::new());
        for sale in sales {
            self.orders += 1;
            self.gmv = self.gmv.saturating_add(sale.paid);
            buyers.insert(sale.buyer);
            daily.insert((sale.paid_at.map(|at| history.day(at)), sale.buyer));
        }
        (self.buyers, self.daily_buyers) = (buyers.len() as u64, daily.len() as u64);
    }
}

impl Depth {
    fn sell(&mut self, sale: &Sale, plan: &CampaignPlanned) {
        for line in sale.lines() {
            let Some(list) = line.list.filter(|list| *list > 0) else { continue };
            let of = |(price, list): (i64, i64)| Fraction::new(price.into(), list.into());
            let share = of((line.price, list));
            self.lines += 1;
            if self.deepest.is_none_or(|deepest| share < of(deepest)) {
                self.deepest = Some((line.price, list));
            }
            let floor = plan.discount_floor.map(Fraction::of_decimal);
            self.below_floor += u64::from(floor.is_some() && share < floor);
        }
    }
}

impl Campaigns {
    /// When the last of what was looked at happened, where a campaign was watched.
    #[must_use]
    pub fn last(&self) -> Option<Timestamp> {
        self.watch.as_ref().map(|watch| watch.last)
    }

    /// What happened within the campaign that was watched, as told at `now`; nothing where another is asked for.
    #[must_use]
    pub fn activity(
        &self,
        history: &History,
        sessions: &SessionRule,
        campaign: CampaignId,
        now: Timestamp,
    ) -> Activity {
        let plan = self.of(campaign).and_then(|books| books.plan.as_deref());
        let watch = self.watch.as_ref().filter(|watch| watch.campaign == campaign);
        let (Some(plan), Some(watch)) = (plan, watch) else { return Activity::default() };
        let scope = Scope::of(history, plan);
        let number = history.names.known(campaign.as_str());
        let pages: BTreeSet<u32> =
            plan.pages.iter().filter_map(|page| history.names.known(&page_itself(page))).collect();
        let mut activity = Activity { shop: scope.shop(), ..Activity::default() };

        let sold: Vec<(usize, &Sale)> = scope.sales(|sale| sale.paid_at).collect();
        let (within, outside): (Vec<_>, Vec<_>) = sold.iter().partition(|(at, _)| watch.orders.contains(at));
        activity.inside.sell(history, within.iter().map(|(_, sale)| *sale));
        let outside: BTreeSet<u32> = outside.iter().map(|(_, sale)| sale.buyer).collect();
        activity.buyers_outside = outside.len() as u64;
        for (of, _) in &within {
            activity.depth.sell(&history.sales[*of], plan);
        }
        let inside: BTreeSet<usize> = within.iter().map(|(of, _)| *of).collect();
        activity.net_after = RESTATED.map(|days| {
            let until = Timestamp(plan.ends.0.saturating_add(days * DAY));
            let of = |refund: &&Refund| refund.at < until && inside.contains(&(refund.sale as usize));
            let back = history.refunds.iter().filter(of).fold(0i64, |sum, of| sum.saturating_add(of.minor));
            (until <= now).then(|| activity.inside.gmv.saturating_sub(back))
        });
        let mut bought: BTreeMap<u32, BTreeSet<Day>> = BTreeMap::new();
        for (_, sale) in within {
            let day = sale.paid_at.map_or(0, |at| history.day(at));
            if let Some(visitor) = sale.visitor {
                bought.entry(visitor).or_default().insert(day);
            }
        }

        for (n, visitor) in (0u32..).zip(&history.seen) {
            let mut days = bought.get(&n).cloned().unwrap_or_default();
            let buys = !days.is_empty();
            let mut takes_part = buys;
            let mut landed: BTreeSet<Timestamp> = BTreeSet::new();
            for visit in history.visits(visitor, sessions).1 {
                if number.is_some() && history.campaign(Came::by(&visit)) == number {
                    landed.insert(visit.from);
                }
            }
            for hit in visitor.hits.iter().filter(|hit| scope.holds(hit.at)) {
                let named = watch.hits.get(&(n, hit.at));
                let on_page = pages.contains(&history.shown[hit.page as usize].path);
                let landing = hit.act.is_none() && landed.contains(&hit.at);
                if named.is_none() && !on_page && !landing {
                    continue;
                }
                days.insert(history.day(hit.at));
                activity.clicks += u64::from(matches!(hit.act, None | Some(Act::Click)));
                takes_part |= named.is_some() && hit.act.is_some();
            }
            activity.inside.visit(&days);
            activity.participants += u64::from(takes_part);
            activity.participants_bought += u64::from(buys);
        }

        let length = plan.ends.0.saturating_sub(plan.starts.0);
        let weeks = length.saturating_add(WEEK - 1) / WEEK;
        let earlier = scope.earlier(weeks.saturating_mul(WEEK));
        activity.before = (earlier.from >= history.since).then(|| earlier.shop());
        activity
    }

    /// The campaign beside its holdout: what assigned visitors spent on orders that they placed in its time. None where it
    /// has no holdout.
    ///
    /// # Errors
    /// [`ReadModelError::BadQuestion`] for sums beyond 64 bits.
    pub fn held_out(
        &self,
        history: &History,
        sessions: SessionRule,
        campaign: CampaignId,
    ) -> Result<Option<HeldOut>, ReadModelError> {
        let plan = self.of(campaign).and_then(|books| books.plan.as_deref());
        let Some((plan, holdout)) = plan.and_then(|plan| Some((plan, plan.holdout.as_ref()?))) else {
            return Ok(None);
        };
        let scope = Scope::of(history, plan);
        let known_since = Timestamp(plan.starts.0.saturating_sub(SEEN_WITHIN));
        let mut spent: BTreeMap<u32, i64> = BTreeMap::new();
        for (_, sale) in scope.sales(|sale| Some(sale.placed_at)) {
            if let Some(visitor) = sale.visitor {
                let sum = spent.entry(visitor).or_default();
                *sum = sum.saturating_add(sale.paid);
            }
        }
        let (mut of_campaign, mut of_holdout) = (Group::default(), Group::default());
        for (n, visitor) in (0u32..).zip(&history.seen) {
            let seen = |at: Timestamp| known_since <= at && at < plan.ends;
            if !visitor.hits.iter().any(|hit| hit.act.is_none() && seen(hit.at)) {
                continue;
            }
            let Ok(id) = history.visitors.text(n).parse() else { continue };
            let group = if holdout.holds(&id) { &mut of_holdout } else { &mut of_campaign };
            group.add(spent.get(&n).copied().unwrap_or(0));
        }
        let (from, to) = (history.calendar.day(plan.starts), history.calendar.day(plan.ends));
        let question = Question {
            // paid later than placed
            days: Days { from, to: to.checked_add_days(chrono::Days::new(60)).unwrap_or(to) },
            by: vec![Dimension::Campaign],
            sessions,
            currency: scope.currency,
        };
        let number = history.names.known(campaign.as_str());
        let mut last_click = 0i64;
        history.credit(
            &question,
            &AttributionRule::default(),
            Dimension::Campaign,
            &mut |_, sale, credits| {
                let credited = credits.weights().iter().any(|(code, _)| Some(*code) == number);
                if credited && scope.holds(sale.placed_at) && scope.is_shops(Some(sale.merchant)) {
                    last_click = last_click.saturating_add(sale.paid);
                }
                Ok(())
            },
        )?;
        let share = f64::try_from(holdout.share).unwrap_or(0.0);
        let all = (of_campaign.assigned + of_holdout.assigned) as f64;
        let off = (of_holdout.assigned as f64 - all * share).abs();
        Ok(Some(HeldOut {
            campaign: of_campaign,
            holdout: of_holdout,
            uneven: off > 4.0 * (all * share * (1.0 - share)).sqrt(),
            lift: lift(&of_campaign, &of_holdout),
            last_click,
        }))
    }
}
