//! What metrics rest on, folded once from the journal.

use std::collections::BTreeMap;

use daybook_domain::order::events::{LineRefund, Subsidy};
use daybook_domain::time::DAY;
use daybook_domain::{CampaignId, Currency, Event, EventKind, Money, OrderId, Timestamp};
use daybook_metrics::ChannelRule;
use hashbrown::HashMap;

use super::called::Called;
use super::came::Only;
use super::categories::Categories;
use super::most::{Memory, Most};
use super::names::Names;
use super::ranked::Ranked;
use super::reported::Reports;
use super::sales::{Refund, Sale};
use super::seen::{Page, Seen, Visitor, Way};
use crate::calendar::Calendar;
use crate::engine::{AsOf, Events, Progress, ReadModelError, ReadModels};
use crate::model::{Envelope, KindSet};

/// What metrics look at.
const KINDS: KindSet = KindSet::of(&[
    EventKind::PageViewed,
    EventKind::VisitorActed,
    EventKind::OrderPlaced,
    EventKind::EscrowFunded,
    EventKind::EscrowRefunded,
    EventKind::RefundIssued,
    EventKind::ChargebackClosed,
    EventKind::CampaignPlanned,
    EventKind::CartItemAdded,
    EventKind::BuyerRegistered,
    EventKind::ChannelTrafficReported,
]);

/// How long after it was placed an order is paid for at most, as far as its visits are looked for.
pub const PAID_WITHIN: i64 = 60 * DAY;

/// Traffic and sales, interned.
#[derive(Debug)]
pub struct History {
    pub(super) calendar: Calendar,
    pub(super) rule: ChannelRule,
    /// Hits before this are known of only as the first sight of a visitor.
    pub(super) since: Timestamp,
    /// Orders that were placed and paid before this are asked for their buyers alone.
    pub(super) from: Timestamp,
    pub(super) visitors: Names,
    pub(super) seen: Vec<Visitor>,
    pub(super) pages: HashMap<Page, u32, ahash::RandomState>,
    /// By the number of a hit's page.
    pub(super) shown: Vec<Page>,
    /// Where each stands among hits of one instant.
    pub(super) page_ranks: Vec<Ranked>,
    pub(super) ways: HashMap<Way, u32, ahash::RandomState>,
    /// By the number of a hit's way.
    pub(super) came: Vec<Way>,
    /// Likewise.
    pub(super) way_ranks: Vec<Ranked>,
    /// Paths, merchants, sales channels, campaigns and buyers by their numbers.
    pub(super) names: Names,
    pub(super) orders: HashMap<OrderId, u32, ahash::RandomState>,
    pub(super) sales: Vec<Sale>,
    /// Bytes of memory that the lines of orders take, about.
    pub(super) line_bytes: usize,
    /// The categories of products: pages name products only.
    pub(super) categories: Categories,
    /// What was put into carts that know their visitor.
    pub(super) carted: Vec<Carted>,
    /// When accounts were made.
    pub(super) registered: Vec<Timestamp>,
    /// When somebody first registered on a terminal, as its hits tell.
    pub(super) first_registers: HashMap<u32, Timestamp, ahash::RandomState>,
    /// What sales channels say of their own visitors.
    pub(super) reports: Reports,
    /// What went back to buyers, and when, of which order.
    pub(super) refunds: Vec<Refund>,
    /// What links call campaigns.
    pub(super) called: Called,
    /// What the market added to orders for each campaign, less what came back.
    subsidies: BTreeMap<(CampaignId, Currency), i64>,
    /// What alone it is of; none: of all.
    only: Option<Only>,
}

/// A product put into a cart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carted {
    pub visitor: u32,
    pub at: Timestamp,
    /// What a page of the product would belong to.
    pub page: u32,
}

/// What is folded beside a history, in the same pass.
pub(super) trait Beside {
    /// What it looks at, beside what the history does.
    const KINDS: KindSet;

    /// Takes an event that the history has taken.
    fn fold(&mut self, e: &Envelope<'_>, history: &mut History);

    /// Bytes of memory that it takes, about.
    fn bytes(&self) -> usize;
}

/// A history alone.
pub(super) struct NothingBeside;

impl Beside for NothingBeside {
    const KINDS: KindSet = KindSet::of(&[]);

    fn fold(&mut self, _: &Envelope<'_>, _: &mut History) {}

    fn bytes(&self) -> usize {
        0
    }
}

impl ReadModels {
    /// The history that questions about days from `since` on rest on, as of a moment: one pass over the journal. Visits
    /// `look_back` microseconds before an order of those days are in it, for orders paid within [`PAID_WITHIN`].
    ///
    /// # Errors
    /// [`ReadModelError`]; `BadQuestion` where it would take more than 2 GiB of memory.
    pub fn history(
        &self,
        since: chrono::NaiveDate,
        look_back: i64,
        rule: ChannelRule,
        at: AsOf,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<History, ReadModelError> {
        History::read(&self.events(at), self.calendar()?, (since, look_back), rule, progress)
    }
}

impl History {
    /// A history of days from `since` on, with what their orders look back on.
    pub(crate) fn beginning(
        calendar: Calendar,
        rule: ChannelRule,
        (since, look_back): (chrono::NaiveDate, i64),
    ) -> Self {
        // and a day more, so that a visit which lasted till then is not cut
        let before = look_back.saturating_add(PAID_WITHIN + DAY);
        Self::new(calendar, rule, calendar.start_of(since), before)
    }

    /// As [`ReadModels::history`], of any events: `since` when, with its look-back.
    ///
    /// # Errors
    /// [`ReadModelError`]; `BadQuestion` where it would take more than 2 GiB of memory.
    pub fn read(
        events: &dyn Events,
        calendar: Calendar,
        since: (chrono::NaiveDate, i64),
        rule: ChannelRule,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, ReadModelError> {
        Self::beginning(calendar, rule, since).fill(events, Most::default(), progress)
    }

    /// Folds what it rests on, within these bounds of memory; how long it may take the events know.
    pub(crate) fn fill(
        self,
        events: &dyn Events,
        most: Most,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, ReadModelError> {
        self.fill_with(events, &mut NothingBeside, most, progress)
    }

    /// The same, and what is folded beside it within bounds that both share.
    pub(super) fn fill_with<B: Beside>(
        mut self,
        events: &dyn Events,
        beside: &mut B,
        most: Most,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, ReadModelError> {
        let memory = self.take_in(events, beside, most, progress)?;
        memory.end(
            self.bytes() + beside.bytes(),
            "the hits and orders that this rests on",
            "ask about fewer days, or look back on fewer",
        )?;
        self.settle();
        Ok(self)
    }

    /// Folds the events as long as there is room: the memory that they took.
    pub(super) fn take_in<B: Beside>(
        &mut self,
        events: &dyn Events,
        beside: &mut B,
        most: Most,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Memory, ReadModelError> {
        let mut memory = Memory::of(most);
        events.visit_happened(KINDS.or(B::KINDS), progress, &mut |e| {
            self.fold(e);
            beside.fold(e, self);
            memory.took(|| self.bytes() + beside.bytes())
        })?;
        Ok(memory)
    }

    /// The same history before any event, of other events alone: the numbers of names stay what they are.
    pub(super) fn emptied(self, only: Only) -> Self {
        let before = self.from.0.saturating_sub(self.since.0);
        let empty = Self::new(self.calendar, self.rule, self.from, before).of(only);
        Self { since: self.since, names: self.names, ..empty }
    }

    /// Everything was folded: from here on it is asked.
    pub(super) fn settle(&mut self) {
        self.categories.settle(&self.names);
    }

    fn new(calendar: Calendar, rule: ChannelRule, from: Timestamp, before: i64) -> Self {
        Self {
            calendar,
            rule,
            since: Timestamp(from.0.saturating_sub(before)),
            from,
            visitors: Names::default(),
            seen: Vec::new(),
            pages: HashMap::default(),
            shown: Vec::new(),
            page_ranks: Vec::new(),
            ways: HashMap::default(),
            came: Vec::new(),
            way_ranks: Vec::new(),
            names: Names::default(),
            orders: HashMap::default(),
            sales: Vec::new(),
            line_bytes: 0,
            categories: Categories::default(),
            carted: Vec::new(),
            registered: Vec::new(),
            first_registers: HashMap::default(),
            reports: Reports::default(),
            refunds: Vec::new(),
            called: Called::default(),
            subsidies: BTreeMap::new(),
            only: None,
        }
    }

    /// Of these events alone.
    pub(super) fn of(self, only: Only) -> Self {
        Self { only: Some(only), ..self }
    }

    /// What the market added to orders for a campaign, less what came back, in minor units.
    #[must_use]
    pub fn subsidies(&self, campaign: &str, currency: Currency) -> i64 {
        let of = |((id, of), _): &(&(CampaignId, Currency), &i64)| id.as_str() == campaign && *of == currency;
        self.subsidies.iter().find(of).map_or(0, |(_, sum)| *sum)
    }

    fn subsidise(&mut self, subsidies: &[Subsidy], back: bool) {
        for subsidy in subsidies {
            let Money { minor, currency } = subsidy.amount;
            let sum = self.subsidies.entry((subsidy.campaign, currency)).or_default();
            *sum = if back { sum.saturating_sub(minor) } else { sum.saturating_add(minor) };
        }
    }

    /// The text behind a number.
    pub(super) fn name(&self, number: u32) -> &str {
        self.names.text(number)
    }

    fn fold(&mut self, e: &Envelope<'_>) {
        if self.only.as_ref().is_some_and(|only| !only.concerns(e.event)) {
            return;
        }
        let at = Timestamp(e.occurred_at);
        match e.event {
            Event::PageViewed(view) => self.view(at, view),
            Event::VisitorActed(act) => self.act(at, act),
            Event::OrderPlaced(order) => {
                let Some(id) = e.refs.order else { return };
                // its hits may be recorded later than the order
                let visitor = order.visitor.map(|visitor| self.visitor(visitor.as_str()));
                self.orders.insert(id, number_of(&self.sales));
                let sale = self.placed(at, order, visitor);
                self.sales.push(sale);
            }
            Event::EscrowFunded(funded) => {
                self.subsidise(&funded.subsidies, false);
                let known = e.refs.order.and_then(|order| self.orders.get(&order));
                let Some(sale) = known.and_then(|at| self.sales.get_mut(*at as usize)) else { return };
                // what nobody paid for was not sold, and what was paid for later was not sold before
                for moved in sale.moves() {
                    self.categories.sold(moved, at, self.since, &self.names);
                }
                sale.fund(at, funded);
                self.line_bytes = self.line_bytes.saturating_sub(sale.forget_before(self.from));
            }
            Event::EscrowRefunded(refund) => {
                self.subsidise(&refund.subsidies_back, true);
                self.refund(e, refund.to_buyer, &refund.lines);
            }
            Event::RefundIssued(refund) => {
                refund.borne_by.iter().for_each(|share| self.subsidise(&share.subsidies_back, true));
                self.refund(e, refund.to_buyer, &refund.lines);
            }
            Event::CartItemAdded(item) => {
                let Some(visitor) = item.visitor else { return };
                if at < self.since {
                    return;
                }
                let visitor = self.visitor(visitor.as_str());
                let page = self.page_of(item.product, item.merchant);
                self.carted.push(Carted { visitor, at, page });
            }
            Event::BuyerRegistered(_) => self.registered.push(at),
            Event::ChannelTrafficReported(said) => self.report(said),
            Event::ChargebackClosed(closed) => {
                let Some((of_escrow, borne)) = closed.to_buyer() else { return };
                if let Some(taken) = &closed.from_escrow {
                    self.subsidise(&taken.subsidies_back, true);
                    self.refund(e, of_escrow, &taken.lines);
                }
                closed.borne_by.iter().for_each(|share| self.subsidise(&share.subsidies_back, true));
                self.refund(e, borne, &closed.lines);
            }
            Event::CampaignPlanned(planned) => {
                let Some(id) = e.refs.campaign else { return };
                let campaign = self.names.number(id.as_str());
                self.called.plan(campaign, planned, &mut self.names);
            }
            _ => {}
        }
    }

    /// Changes an order, where it is known.
    fn sale<R>(&mut self, e: &Envelope<'_>, change: impl FnOnce(&mut Sale) -> R) -> Option<R> {
        let known = e.refs.order.and_then(|order| self.orders.get(&order));
        known.and_then(|at| self.sales.get_mut(*at as usize)).map(change)
    }

    fn refund(&mut self, e: &Envelope<'_>, to_buyer: Money, of: &[LineRefund]) {
        let of: Vec<(u32, i64)> =
            of.iter().map(|line| (self.names.number(line.line.as_str()), line.gross.minor)).collect();
        let sale = e.refs.order.and_then(|order| self.orders.get(&order));
        if let Some(sale) = sale.filter(|_| !to_buyer.is_zero()) {
            self.refunds.push(Refund { at: Timestamp(e.occurred_at), sale: *sale, minor: to_buyer.minor });
        }
        self.sale(e, |sale| sale.refund(to_buyer.minor, &of));
    }

    /// Bytes of memory that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        let hits = self.seen.iter().map(|visitor| visitor.hits.capacity()).sum::<usize>() * size_of::<Seen>();
        let texts = self.visitors.bytes() + self.names.bytes();
        let orders = self.orders.capacity() * (size_of::<(OrderId, u32)>() + 1);
        let pages = self.shown.capacity() * size_of::<Page>() * 3;
        let ways = self.came.capacity() * size_of::<Way>() * 3;
        let sales = self.sales.capacity() * size_of::<Sale>()
            + self.line_bytes
            + self.refunds.capacity() * size_of::<Refund>()
            + self.categories.bytes();
        let subsidies = self.subsidies.len() * size_of::<(CampaignId, Currency, i64)>() * 2;
        let carted = self.carted.capacity() * size_of::<Carted>();
        let registered = self.registered.capacity() * size_of::<Timestamp>()
            + self.first_registers.capacity() * (size_of::<(u32, Timestamp)>() + 1);
        let visitors = self.seen.capacity() * size_of::<Visitor>();
        hits + texts
            + orders
            + pages
            + ways
            + sales
            + carted
            + registered
            + self.reports.bytes()
            + visitors
            + subsidies
    }

    /// The currencies that orders were paid in, sorted.
    #[must_use]
    pub fn currencies(&self) -> Vec<Currency> {
        let mut all: Vec<Currency> =
            self.sales.iter().filter(|sale| sale.paid_at.is_some()).map(|sale| sale.currency).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

pub(super) fn number_of<T>(all: &[T]) -> u32 {
    u32::try_from(all.len()).expect("invariant: fewer than 2^32 fit in memory")
}
