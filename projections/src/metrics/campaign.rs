//! What campaigns cost, who bore it, what they are credited with and what that left: folded in one pass with a history, under
//! the same cut.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use daybook_domain::campaign::events::{CampaignPlanned, CampaignTarget, FundedBy};
use daybook_domain::posting::Class;
use daybook_domain::{
    CampaignId, CheckoutId, Code, Currency, Event, EventKind, Money, MoneyError, Timestamp, allocate,
};
use daybook_metrics::ChannelRule;
use daybook_metrics::attribution::AttributionRule;
use daybook_metrics::sessions::{Day, SessionRule};
use hashbrown::HashMap;

use super::activity::Watch;
use super::attributed::{Earned, share};
use super::filing::Came;
use super::history::{Beside, History};
use super::most::Most;
use super::{Dimension, Question};
use crate::calendar::Calendar;
use crate::engine::{AsOf, Events, Progress, ReadModelError, ReadModels};
use crate::model::{Envelope, KindSet};

/// What an order left stands in these: they are all that an order's own stream posts to income and expenses.
const OF_ORDERS: [EventKind; 9] = [
    EventKind::OrderPlaced,
    EventKind::EscrowFunded,
    EventKind::EscrowRefunded,
    EventKind::CommissionCharged,
    EventKind::CommissionReversed,
    EventKind::RefundIssued,
    EventKind::ReturnFreightCharged,
    EventKind::RulingReversed,
    EventKind::ChargebackClosed,
];

/// What is looked at beside a history.
const KINDS: KindSet = KindSet::of(&OF_ORDERS).or(KindSet::of_category("campaign")).or(KindSet::of(&[
    EventKind::PaymentCaptured,
    EventKind::ChargebackReceived,
    EventKind::PointsEarned,
    EventKind::PointsReversed,
    EventKind::PointsExpired,
]));

/// What a campaign cost, in minor units of its budget's currency, and what its adverts came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CampaignBooks {
    /// Its plan.
    pub plan: Option<Box<CampaignPlanned>>,
    /// planned, started or ended.
    pub state: &'static str,
    /// What was spent and the market bore.
    pub spend: i64,
    /// What was spent and its merchant bore.
    pub spend_of_merchant: i64,
    /// Partners' commission less what was reversed, that the market bears.
    pub affiliate: i64,
    /// The same that its merchant bears.
    pub affiliate_of_merchant: i64,
    /// What points are worth that it gave, less those that came back or expired.
    pub points: i64,
    /// How often it was shown.
    pub impressions: u64,
    /// How often it was clicked.
    pub clicks: u64,
    /// What was spent on each day.
    by_day: BTreeMap<Code, i64>,
}

impl CampaignBooks {
    /// The currency of its costs.
    #[must_use]
    pub fn currency(&self) -> Option<Currency> {
        self.plan.as_ref().map(|plan| plan.budget.currency)
    }

    /// What was spent beyond the daily cap, over all days; none without one.
    #[must_use]
    pub fn over_cap(&self) -> Option<i64> {
        let cap = self.plan.as_ref()?.daily_cap?.minor;
        let over = self.by_day.values().map(|spent| spent.saturating_sub(cap).max(0));
        Some(over.fold(0, i64::saturating_add))
    }

    /// Bytes of memory that it takes, about.
    fn bytes(&self) -> usize {
        let plan = self.plan.as_ref().map_or(0, |plan| {
            let pages = plan.pages.iter().map(|page| size_of::<String>() + page.len()).sum::<usize>();
            let targets = plan.targets.capacity() * size_of::<CampaignTarget>();
            let channels = plan.channels.capacity() * size_of::<Code>();
            size_of::<CampaignPlanned>() + plan.name.len() + pages + targets + channels
        });
        size_of::<(CampaignId, Self)>() + plan + self.by_day.len() * size_of::<(Code, i64)>() * 2
    }

    fn fold(&mut self, event: &Event) {
        let to = |funded_by: FundedBy, market: &mut i64, merchant: &mut i64, minor: i64| {
            let sum = if funded_by == FundedBy::Market { market } else { merchant };
            *sum = sum.saturating_add(minor);
        };
        match event {
            Event::CampaignPlanned(e) => {
                self.plan = Some(Box::new(e.clone()));
                self.state = "planned";
            }
            Event::CampaignStarted(_) => self.state = "started",
            Event::CampaignEnded(_) => self.state = "ended",
            Event::CampaignSpendRecorded(e) => {
                to(e.funded_by, &mut self.spend, &mut self.spend_of_merchant, e.amount.minor);
                let day = self.by_day.entry(e.day).or_default();
                *day = day.saturating_add(e.amount.minor);
                self.impressions = self.impressions.saturating_add(e.impressions);
                self.clicks = self.clicks.saturating_add(e.clicks);
            }
            Event::AffiliateCommissionAccrued(e) => {
                to(e.funded_by, &mut self.affiliate, &mut self.affiliate_of_merchant, e.amount.minor);
            }
            Event::AffiliateCommissionReversed(e) => {
                to(e.funded_by, &mut self.affiliate, &mut self.affiliate_of_merchant, -e.amount.minor);
            }
            _ => {}
        }
    }
}

/// A checkout's payments, and what their providers kept of them.
#[derive(Clone, Copy, Debug, Default)]
struct Till {
    captured: i64,
    fees: i64,
}

/// Campaigns, and what each order left the market beside what campaigns cost.
#[derive(Debug, Default)]
pub struct Campaigns {
    of: BTreeMap<CampaignId, CampaignBooks>,
    /// Of each sale of the history: income less expenses, subsidies apart.
    left: Vec<i64>,
    /// The checkout of each sale.
    till_of: Vec<u32>,
    tills: Vec<Till>,
    checkouts: HashMap<CheckoutId, u32, ahash::RandomState>,
    pub(super) watch: Option<Watch>,
}

/// What a campaign is credited with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credited {
    /// Orders, GMV and what is left after refunds.
    pub earned: Earned,
    /// What these orders left the market: commission less provider's fees, goodwill, freight and losses that it bore.
    pub left: i64,
}

/// Who came by a campaign's links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Brought {
    /// Visits that its links began.
    pub arrivals: u64,
    /// Distinct visitors of them.
    pub uv: u64,
    /// Of them, those who were never seen before.
    pub new_uv: u64,
}

impl ReadModels {
    /// A history as [`ReadModels::history`] makes it, with the campaigns of the same moment; what happened within one of
    /// them is kept where it is named.
    ///
    /// # Errors
    /// [`ReadModelError`]; `BadQuestion` where it would take more than 2 GiB of memory.
    pub fn campaign_history(
        &self,
        (since, look_back): (chrono::NaiveDate, i64),
        watch: Option<CampaignId>,
        rule: ChannelRule,
        at: AsOf,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(History, Campaigns), ReadModelError> {
        let since = (since, look_back);
        Campaigns::read(&self.events(at), self.calendar()?, since, watch, rule, progress)
    }
}

/// Each campaign that was planned by the moment, with when it starts, in the order of their ids.
///
/// # Errors
/// [`ReadModelError`].
pub fn planned(events: &dyn Events) -> Result<BTreeMap<CampaignId, Timestamp>, ReadModelError> {
    let mut all = BTreeMap::new();
    events.visit_happened(KindSet::of(&[EventKind::CampaignPlanned]), &mut |_| {}, &mut |e| {
        if let (Event::CampaignPlanned(planned), Some(campaign)) = (e.event, e.refs.campaign) {
            all.insert(campaign, planned.starts);
        }
        ControlFlow::Continue(())
    })?;
    Ok(all)
}

impl Beside for Campaigns {
    const KINDS: KindSet = KINDS;

    fn fold(&mut self, e: &Envelope<'_>, history: &mut History) {
        if let Some(watch) = &mut self.watch {
            watch.fold(e, history);
        }
        match e.event {
            Event::OrderPlaced(order) => {
                let till = self.till(order.checkout);
                self.left.resize(history.sales.len(), 0);
                self.till_of.resize(history.sales.len(), till);
            }
            Event::PaymentCaptured(paid) => {
                let fee = paid.fee.map_or(0, |fee| fee.minor);
                self.pay(e, paid.amount.minor, fee);
            }
            Event::ChargebackReceived(taken) => self.pay(e, 0, taken.fee.map_or(0, |fee| fee.minor)),
            Event::PointsEarned(earned) => self.give(earned.campaign, earned.value, 1),
            Event::PointsReversed(back) => self.give(back.campaign, back.value, -1),
            Event::PointsExpired(back) => self.give(back.campaign, back.value, -1),
            event if e.kind.category() == "campaign" => {
                let Some(campaign) = e.refs.campaign else { return };
                self.of.entry(campaign).or_default().fold(event);
            }
            _ if OF_ORDERS.contains(&e.kind) => {
                let Some(at) = e.refs.order.and_then(|order| history.orders.get(&order)) else { return };
                let currency = history.sales[*at as usize].currency;
                // what campaigns add is their cost, whoever is credited with the order
                let counts = e.entries.iter().filter(|entry| {
                    matches!(entry.account.class, Class::Income | Class::Expenses)
                        && entry.account.name != "Subsidy"
                        && entry.amount.currency == currency
                });
                let spent = counts.fold(0i64, |sum, entry| sum.saturating_add(entry.amount.minor));
                if let Some(left) = self.left.get_mut(*at as usize) {
                    *left = left.saturating_sub(spent);
                }
            }
            _ => {}
        }
    }

    fn bytes(&self) -> usize {
        let of = self.of.values().map(CampaignBooks::bytes).sum::<usize>();
        let sales = self.left.capacity() * size_of::<i64>() + self.till_of.capacity() * size_of::<u32>();
        let checkouts = self.checkouts.capacity() * (size_of::<(CheckoutId, u32)>() + 1);
        let watched = self.watch.as_ref().map_or(0, Watch::bytes);
        of + sales + self.tills.capacity() * size_of::<Till>() + checkouts + watched
    }
}

impl Campaigns {
    /// As [`ReadModels::campaign_history`], of any events.
    ///
    /// # Errors
    /// [`ReadModelError`]; `BadQuestion` where it would take more than 2 GiB of memory.
    pub fn read(
        events: &dyn Events,
        calendar: Calendar,
        since: (chrono::NaiveDate, i64),
        watch: Option<CampaignId>,
        rule: ChannelRule,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(History, Self), ReadModelError> {
        Self::read_within(events, (calendar, since, rule), watch, Most::default(), progress)
    }

    /// The same within these bounds of memory.
    fn read_within(
        events: &dyn Events,
        (calendar, since, rule): (Calendar, (chrono::NaiveDate, i64), ChannelRule),
        watch: Option<CampaignId>,
        most: Most,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(History, Self), ReadModelError> {
        let mut campaigns = Self { watch: watch.map(Watch::of), ..Self::default() };
        let history = History::beginning(calendar, rule, since);
        let history = history.fill_with(events, &mut campaigns, most, progress)?;
        campaigns.charge_fees(&history);
        Ok((history, campaigns))
    }

    /// A campaign, where it was planned by then.
    #[must_use]
    pub fn of(&self, campaign: CampaignId) -> Option<&CampaignBooks> {
        self.of.get(&campaign).filter(|books| books.plan.is_some())
    }

    fn till(&mut self, checkout: CheckoutId) -> u32 {
        let next = super::history::number_of(&self.tills);
        let till = *self.checkouts.entry(checkout).or_insert(next);
        if till == next {
            self.tills.push(Till::default());
        }
        till
    }

    fn pay(&mut self, e: &Envelope<'_>, captured: i64, fee: i64) {
        let Some(checkout) = e.refs.checkout else { return };
        let till = self.till(checkout) as usize;
        let till = &mut self.tills[till];
        till.captured = till.captured.saturating_add(captured);
        till.fees = till.fees.saturating_add(fee);
    }

    /// Points of a campaign; those in another currency than its budget's stand in the books alone.
    fn give(&mut self, campaign: Option<CampaignId>, value: Money, sign: i64) {
        let Some(campaign) = campaign else { return };
        let books = self.of.entry(campaign).or_default();
        if books.currency().is_none_or(|currency| currency == value.currency) {
            books.points = books.points.saturating_add(sign.saturating_mul(value.minor));
        }
    }

    /// Charges each order with its share of what its checkout's providers kept.
    fn charge_fees(&mut self, history: &History) {
        let mut of_till: Vec<Vec<u32>> = vec![Vec::new(); self.tills.len()];
        for (sale, till) in (0u32..).zip(&self.till_of) {
            of_till[*till as usize].push(sale);
        }
        for (till, sales) in self.tills.iter().zip(of_till) {
            let paid = |sale: &u32| history.sales[*sale as usize].paid.max(0);
            let mut weights: Vec<i64> = sales.iter().map(paid).collect();
            let all = weights.iter().fold(0i64, |sum, paid| sum.saturating_add(*paid));
            // what no order took is nobody's
            weights.push(till.captured.saturating_sub(all).max(0));
            for (sale, fee) in sales.iter().zip(allocate(till.fees, &weights).unwrap_or_default()) {
                let left = &mut self.left[*sale as usize];
                *left = left.saturating_sub(fee);
            }
        }
    }

    /// What campaigns are credited with, by their ids or the words of links that name none.
    ///
    /// # Errors
    /// [`ReadModelError::BadQuestion`] for sums beyond 64 bits.
    pub fn credited(
        &self,
        history: &History,
        question: &Question,
        rule: &AttributionRule,
    ) -> Result<BTreeMap<String, Credited>, ReadModelError> {
        let nothing = Earned::nothing(question.currency);
        let (mut earned, mut nobodys) = (BTreeMap::new(), nothing);
        let mut left: BTreeMap<u32, i64> = BTreeMap::new();
        history.credit(question, rule, Dimension::Campaign, &mut |at, sale, credits| {
            share(sale, credits, &mut earned, &mut nobodys, nothing)?;
            let weights: Vec<i64> = credits.weights().iter().map(|(_, weight)| *weight).collect();
            if weights.is_empty() {
                return Ok(());
            }
            for ((code, _), part) in credits.weights().iter().zip(allocate(self.left[at], &weights)?) {
                let sum = left.entry(*code).or_default();
                *sum = sum.checked_add(part).ok_or(MoneyError::Overflow)?;
            }
            Ok(())
        })?;
        let credited = |(code, earned)| {
            let left = left.get(&code).copied().unwrap_or(0);
            (history.word(Dimension::Campaign, code), Credited { earned, left })
        };
        Ok(earned.into_iter().map(credited).collect())
    }
}

impl History {
    /// Who came by the links of campaigns, each from an instant on.
    #[must_use]
    pub fn brought(
        &self,
        sessions: &SessionRule,
        since: &BTreeMap<CampaignId, Timestamp>,
    ) -> BTreeMap<CampaignId, Brought> {
        let mut all: BTreeMap<u32, (CampaignId, Day, Brought)> = BTreeMap::new();
        for (campaign, from) in since {
            if let Some(number) = self.names.known(campaign.as_str()) {
                all.insert(number, (*campaign, self.day(*from), Brought::default()));
            }
        }
        let mut seen: Vec<u32> = Vec::new();
        for visitor in &self.seen {
            seen.clear();
            for visit in self.visits(visitor, sessions).1 {
                let Some(campaign) = self.campaign(Came::by(&visit)) else { continue };
                let Some((_, from, brought)) = all.get_mut(&campaign) else { continue };
                if visit.views == 0 || visit.day < *from {
                    continue;
                }
                brought.arrivals += 1;
                if !seen.contains(&campaign) {
                    seen.push(campaign);
                    brought.uv += 1;
                }
                let first =
                    visitor.first_view.is_some_and(|first| (visit.from..=visit.until).contains(&first));
                brought.new_uv += u64::from(first);
            }
        }
        all.into_values().map(|(campaign, _, brought)| (campaign, brought)).collect()
    }
}

#[cfg(test)]
mod tests {
    use daybook_journal::MemoryJournal;

    use super::*;
    use crate::engine::AsWritten;
    use crate::engine::testing::payments;
    use crate::metrics::Sites;

    #[test]
    fn campaigns_take_no_more_memory_than_they_may() {
        let read = |journal: &MemoryJournal, bytes| {
            let events = AsWritten::of(journal, AsOf::HEAD);
            let of = (Calendar::UTC, (chrono::NaiveDate::default(), 0), Sites::default().rule().clone());
            let most = Most { bytes, ..Most::default() };
            Campaigns::read_within(&events, of, None, most, &mut |_| {})
                .map(|(_, campaigns)| campaigns.tills.len())
        };
        // no history holds payments: what they take is what is folded beside it
        let few = 16 << 10;
        assert_eq!(read(&payments(10), few).unwrap(), 10);
        let full = read(&payments(2_000), few);
        assert!(
            matches!(&full, Err(ReadModelError::BadQuestion(why)) if why.contains("MiB of memory")),
            "{full:?}"
        );
        assert_eq!(read(&payments(2_000), 1 << 20).unwrap(), 2_000);
    }

    #[test]
    fn all_that_orders_post_to_is_looked_at() {
        let counts = |kind: &EventKind| kind.category() == "order" && kind.posts();
        for kind in EventKind::ALL.iter().filter(|kind| counts(kind)) {
            // these move what is owed and nothing else
            let balance_only =
                matches!(kind, EventKind::EscrowReleased | EventKind::RefundPaid | EventKind::RefundFailed);
            assert!(KINDS.has(*kind) != balance_only, "{kind:?}");
        }
    }
}
