//! What metrics rest on, folded once from the journal.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use daybook_domain::order::events::{ChargebackOutcome, LineRefund, Subsidy};
use daybook_domain::time::DAY;
use daybook_domain::traffic::events::{Act, PageViewed, Tags as RecordedTags, VisitorActed};
use daybook_domain::{
    CampaignId, Code, Currency, Event, EventKind, MerchantId, Money, OrderId, ProductId, Timestamp,
};
use daybook_journal::Journal;
use daybook_metrics::channel::{Landing, page_itself};
use daybook_metrics::sessions::{Day, Deed, Hit};
use daybook_metrics::{Channel, ChannelRule, SessionRule};
use hashbrown::HashMap;

use super::called::Called;
use super::filing::day_number;
use super::live::heard::tags_of;
use super::names::Names;
use super::ranked::{Ranked, Visits, cut, rank};
use super::sales::{Sale, SoldLine};
use crate::calendar::Calendar;
use crate::engine::{AsOf, Progress, ReadModelError, ReadModels, visit_events};
use crate::model::{Cut, Envelope, KindSet};

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

/// Most memory that a history takes, bytes.
const MOST_BYTES: usize = 2 << 30;
/// Events between two looks at memory.
const EVERY: u64 = 65_536;

/// Traffic and sales, interned.
#[derive(Debug)]
pub struct History {
    pub(super) calendar: Calendar,
    rule: ChannelRule,
    /// Hits before this are known of only as the first sight of a visitor.
    pub(super) since: Timestamp,
    pub(super) visitors: Names,
    pub(super) seen: Vec<Visitor>,
    pages: HashMap<Page, u32, ahash::RandomState>,
    /// By the number of a hit's page.
    pub(super) shown: Vec<Page>,
    /// Where each stands among hits of one instant.
    page_ranks: Vec<u64>,
    ways: HashMap<Way, u32, ahash::RandomState>,
    /// By the number of a hit's way.
    pub(super) came: Vec<Way>,
    /// Likewise.
    way_ranks: Vec<u64>,
    /// Paths, merchants, sales channels, campaigns and buyers by their numbers.
    pub(super) names: Names,
    pub(super) orders: HashMap<OrderId, u32, ahash::RandomState>,
    pub(super) sales: Vec<Sale>,
    /// The lines of all orders; an order knows which are its own.
    pub(super) lines: Vec<SoldLine>,
    /// The category that a product was last sold in: pages name products only.
    pub(super) categories: HashMap<u32, u32, ahash::RandomState>,
    /// What was put into carts that know their visitor.
    pub(super) carted: Vec<Carted>,
    /// When accounts were made, and on which terminal.
    pub(super) registered: Vec<(Timestamp, Option<u32>)>,
    /// What sales channels say of their own visitors, by channel and day; of several reports the last one recorded.
    pub(super) reports: BTreeMap<(u32, Day), Report>,
    /// What links call campaigns.
    pub(super) called: Called,
    /// What the market added to orders for each campaign, less what came back.
    subsidies: BTreeMap<(CampaignId, Currency), i64>,
}

/// One visitor.
#[derive(Debug)]
pub(super) struct Visitor {
    /// When it was first shown a page.
    pub first_view: Option<Timestamp>,
    /// Its hits, as they came.
    pub hits: Vec<Seen>,
}

/// A hit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub at: Timestamp,
    /// The page shown, or where an act was done.
    pub page: u32,
    /// How the visitor came to it.
    pub way: Option<u32>,
    /// What was done; none where the page was shown.
    pub act: Option<Act>,
}

/// A page with what it belongs to, as numbers of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Page {
    pub path: u32,
    pub topic: Option<u32>,
    pub product: Option<u32>,
    pub merchant: Option<u32>,
    pub sales_channel: Option<u32>,
}

/// A way to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Way {
    pub channel: Channel,
    pub paid: bool,
    pub site: Option<u32>,
    pub campaign: Option<u32>,
    pub tagged: bool,
}

/// A product put into a cart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carted {
    pub visitor: u32,
    pub at: Timestamp,
    /// What a page of the product would belong to.
    pub page: u32,
}

/// What a sales channel says of its own visitors of a day.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report {
    pub uv: u64,
    pub pv: u64,
}

impl Visitor {
    /// When it was first seen: shown a page, or, who never was, doing something.
    pub fn first(&self) -> Option<Timestamp> {
        self.first_view.or_else(|| self.hits.iter().map(|seen| seen.at).min())
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
        History::read(self.journal().as_ref(), self.calendar()?, (since, look_back), rule, at, progress)
    }
}

impl History {
    /// What a history looks at.
    pub(super) const KINDS: KindSet = KINDS;

    /// A history of days from `since` on, with what their orders look back on.
    pub(crate) fn beginning(
        calendar: Calendar,
        rule: ChannelRule,
        (since, look_back): (chrono::NaiveDate, i64),
    ) -> Self {
        // and a day more, so that a visit which lasted till then is not cut
        let before = look_back.saturating_add(PAID_WITHIN + DAY);
        Self::new(calendar, rule, Timestamp(calendar.start_of(since).0.saturating_sub(before)))
    }

    /// As [`ReadModels::history`], from a journal alone: `since` when, with its look-back.
    ///
    /// # Errors
    /// [`ReadModelError`]; `BadQuestion` where it would take more than 2 GiB of memory.
    pub fn read(
        journal: &dyn Journal,
        calendar: Calendar,
        since: (chrono::NaiveDate, i64),
        rule: ChannelRule,
        at: AsOf,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, ReadModelError> {
        Self::beginning(calendar, rule, since).fill(journal, at, MOST_BYTES, progress)
    }

    /// Folds what it rests on, within so many bytes of memory.
    pub(crate) fn fill(
        mut self,
        journal: &dyn Journal,
        at: AsOf,
        most_bytes: usize,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, ReadModelError> {
        let (mut events, mut full) = (0u64, false);
        visit_events(journal, KINDS, at, progress, &mut |e| {
            if at.counts(Cut::Occurred, e) {
                self.fold(e);
            }
            events += 1;
            full = events.is_multiple_of(EVERY) && self.bytes() > most_bytes;
            if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if full || self.bytes() > most_bytes {
            return Err(ReadModelError::BadQuestion(format!(
                "the hits and orders that this rests on take more than {} MiB of memory: ask about fewer days, or look \
                 back on fewer",
                most_bytes >> 20
            )));
        }
        Ok(self)
    }

    pub(super) fn new(calendar: Calendar, rule: ChannelRule, since: Timestamp) -> Self {
        Self {
            calendar,
            rule,
            since,
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
            lines: Vec::new(),
            categories: HashMap::default(),
            carted: Vec::new(),
            registered: Vec::new(),
            reports: BTreeMap::new(),
            called: Called::default(),
            subsidies: BTreeMap::new(),
        }
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

    pub(super) fn fold(&mut self, e: &Envelope<'_>) {
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
                self.sale(e, |sale, lines| sale.fund(at, funded, lines));
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
                let page = self.page("", None, Some(item.product), item.merchant, None);
                self.carted.push(Carted { visitor, at, page });
            }
            Event::BuyerRegistered(buyer) => {
                let visitor = buyer.visitor.map(|visitor| self.visitor(visitor.as_str()));
                self.registered.push((at, visitor));
            }
            Event::ChannelTrafficReported(said) => {
                let Ok(day) = said.day.as_str().parse() else { return };
                let channel = self.names.number(said.channel.as_str());
                self.reports.insert((channel, day_number(day)), Report { uv: said.uv, pv: said.pv });
            }
            // what the bank took beyond what the order had (`loss`), and what refunds owed already, is no revenue of it
            Event::ChargebackClosed(closed) if closed.outcome == ChargebackOutcome::Lost => {
                if let Some(taken) = &closed.from_escrow {
                    self.subsidise(&taken.subsidies_back, true);
                    self.refund(e, taken.to_buyer, &taken.lines);
                }
                closed.borne_by.iter().for_each(|share| self.subsidise(&share.subsidies_back, true));
                let borne =
                    closed.borne_by.iter().fold(0i64, |sum, of| sum.saturating_add(of.to_buyer.minor));
                self.refund(e, Money::new(borne, closed.amount.currency), &closed.lines);
            }
            Event::CampaignPlanned(planned) => {
                let Some(id) = e.refs.campaign else { return };
                let campaign = self.names.number(id.as_str());
                self.called.plan(campaign, planned, &mut self.names);
            }
            _ => {}
        }
    }

    /// Changes an order, and the lines that are its own.
    fn sale(&mut self, e: &Envelope<'_>, change: impl FnOnce(&mut Sale, &mut [SoldLine])) {
        let known = e.refs.order.and_then(|order| self.orders.get(&order));
        if let Some(sale) = known.and_then(|at| self.sales.get_mut(*at as usize)) {
            let lines = sale.lines();
            change(sale, &mut self.lines[lines]);
        }
    }

    fn refund(&mut self, e: &Envelope<'_>, to_buyer: Money, of: &[LineRefund]) {
        let of: Vec<(u32, i64)> =
            of.iter().map(|line| (self.names.number(line.line.as_str()), line.gross.minor)).collect();
        self.sale(e, |sale, lines| sale.refund(to_buyer.minor, &of, lines));
    }

    pub(super) fn visitor(&mut self, id: &str) -> u32 {
        let visitor = self.visitors.number(id);
        if visitor as usize == self.seen.len() {
            self.seen.push(Visitor { first_view: None, hits: Vec::new() });
        }
        visitor
    }

    /// A visitor's hits in order of time, and the visits that they come to.
    pub(super) fn visits(&self, visitor: &Visitor, rule: &SessionRule) -> Visits {
        cut(rule, visitor.hits.iter().map(|seen| self.hit(seen)).collect())
    }

    fn hit(&self, seen: &Seen) -> Hit<Ranked, Ranked> {
        let tagged = seen.way.is_some_and(|way| self.came[way as usize].tagged);
        let page = Ranked { rank: self.page_ranks[seen.page as usize], number: seen.page };
        let deed = match seen.act {
            None => Deed::View(page),
            Some(act) => {
                let key = matches!(act, Act::Register | Act::BeginCheckout);
                Deed::Act { key, page }
            }
        };
        let arrival = seen.way.map(|number| Ranked { rank: self.way_ranks[number as usize], number });
        Hit { at: seen.at, day: self.day(seen.at), deed, arrival, tagged }
    }

    fn view(&mut self, at: Timestamp, view: &PageViewed) {
        let number = self.visitor(view.visitor.as_str());
        let visitor = &mut self.seen[number as usize];
        visitor.first_view = Some(visitor.first_view.map_or(at, |first| first.min(at)));
        if at < self.since {
            return;
        }
        let way = self.way(&view.page, view.referrer.as_deref(), view.tags.as_ref());
        let page =
            self.page(&view.page, view.topic.as_deref(), view.product, view.merchant, view.sales_channel);
        self.seen[number as usize].took(Seen { at, page, way, act: None });
    }

    fn act(&mut self, at: Timestamp, act: &VisitorActed) {
        let number = self.visitor(act.visitor.as_str());
        if at < self.since {
            return;
        }
        let place = act.page.as_deref().unwrap_or_default();
        let way = self.way(place, act.referrer.as_deref(), act.tags.as_ref());
        let page = self.page(place, act.topic.as_deref(), act.product, act.merchant, act.sales_channel);
        self.seen[number as usize].took(Seen { at, page, way, act: Some(act.act) });
    }

    /// A page with what it belongs to, as a number.
    fn page(
        &mut self,
        path: &str,
        topic: Option<&str>,
        product: Option<ProductId>,
        merchant: Option<MerchantId>,
        sales_channel: Option<Code>,
    ) -> u32 {
        let path = page_itself(path);
        let page = Page {
            path: self.names.number(&path),
            topic: topic.map(|topic| self.names.number(topic)),
            product: product.map(|product| self.names.number(product.as_str())),
            merchant: merchant.map(|merchant| self.names.number(merchant.as_str())),
            sales_channel: sales_channel.map(|channel| self.names.number(channel.as_str())),
        };
        let next = number_of(&self.shown);
        *self.pages.entry(page).or_insert_with(|| {
            self.shown.push(page);
            let product = product.as_ref().map(|product| product.as_str());
            let merchant = merchant.as_ref().map(|merchant| merchant.as_str());
            let sales_channel = sales_channel.as_ref().map(|channel| channel.as_str());
            self.page_ranks.push(rank(&[Some(&path), topic, product, merchant, sales_channel]));
            next
        })
    }

    /// How a hit was come to, as a number.
    fn way(&mut self, page: &str, referrer: Option<&str>, tags: Option<&RecordedTags>) -> Option<u32> {
        let origin = self.rule.classify(&Landing { page, referrer, tags: tags_of(tags) })?;
        let way = Way {
            channel: origin.channel,
            paid: origin.paid,
            site: origin.site.as_ref().map(|site| self.names.number(site)),
            campaign: origin.campaign.as_ref().map(|campaign| self.names.number(campaign)),
            tagged: origin.tagged,
        };
        let next = number_of(&self.came);
        Some(*self.ways.entry(way).or_insert_with(|| {
            if let Some(word) = way.campaign {
                self.called.said(word, &mut self.names);
            }
            self.came.push(way);
            self.way_ranks.push(rank(&[
                Some(origin.channel.as_str()),
                origin.site.as_deref(),
                origin.campaign.as_deref(),
                origin.tagged.then_some(""),
                origin.paid.then_some(""),
            ]));
            next
        }))
    }

    /// Bytes of memory that it takes, about.
    fn bytes(&self) -> usize {
        let hits = self.seen.iter().map(|visitor| visitor.hits.capacity()).sum::<usize>() * size_of::<Seen>();
        let texts = self.visitors.bytes() + self.names.bytes();
        let orders = self.orders.capacity() * (size_of::<(OrderId, u32)>() + 1);
        let pages = self.shown.capacity() * size_of::<Page>() * 3;
        let sales = self.sales.capacity() * size_of::<Sale>() + self.lines.capacity() * size_of::<SoldLine>();
        hits + texts + orders + pages + sales + self.seen.capacity() * size_of::<Visitor>()
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

impl Visitor {
    /// Most come once: for them no room is kept.
    fn took(&mut self, hit: Seen) {
        if self.hits.is_empty() {
            self.hits.reserve_exact(1);
        }
        self.hits.push(hit);
    }
}

pub(super) fn number_of<T>(all: &[T]) -> u32 {
    u32::try_from(all.len()).expect("invariant: fewer than 2^32 fit in memory")
}
