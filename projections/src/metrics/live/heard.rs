//! What events say about traffic and sales, in numbers of first sight.

use std::hash::Hash;

use daybook_domain::traffic::events::{PageViewed, Tags as RecordedTags};
use daybook_domain::{Currency, Event, EventKind, Timestamp};
use daybook_metrics::channel::{Landing, page_itself};
use daybook_metrics::{Channel, ChannelRule, Tags};
use hashbrown::HashMap;

use super::{NONE, Sale};
use crate::metrics::names::Names;
use crate::metrics::ranked::rank;
use crate::model::{Envelope, KindSet};

/// What the kept figures look at.
pub(crate) const KINDS: KindSet = KindSet::of(&[
    EventKind::PageViewed,
    EventKind::OrderPlaced,
    EventKind::EscrowFunded,
    EventKind::EscrowRefunded,
    EventKind::RefundIssued,
    EventKind::ChargebackClosed,
    EventKind::MarketOpened,
]);

/// A page that was shown. Absent numbers are [`NONE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View {
    /// Microseconds.
    pub at: i64,
    pub visitor: u32,
    pub page: u32,
    /// How the visitor came to it.
    pub way: u32,
}

/// A page with what it belongs to, as numbers of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Page {
    pub rank: u64,
    pub path: u32,
    pub topic: u32,
    pub product: u32,
    pub merchant: u32,
    pub sales_channel: u32,
}

/// A way to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Way {
    pub rank: u64,
    pub channel: u32,
    pub paid: bool,
    pub site: u32,
    pub campaign: u32,
    pub tagged: bool,
}

/// What happened to an order.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    Placed(Sale),
    Paid { at: Timestamp, minor: i64 },
    Refunded { minor: i64 },
}

impl Change {
    /// Changes the order; none of one that was not placed.
    pub(crate) fn apply(self, known: Option<Sale>) -> Option<Sale> {
        match (self, known) {
            (Self::Placed(sale), _) => Some(sale),
            (_, None) => None,
            (Self::Paid { at, minor }, Some(sale)) => Some(Sale {
                paid_at: sale.paid_at.or(Some(at)),
                paid: sale.paid.saturating_add(minor),
                ..sale
            }),
            (Self::Refunded { minor }, Some(sale)) => {
                Some(Sale { refunded: sale.refunded.saturating_add(minor), ..sale })
            }
        }
    }
}

/// Things as numbers, dense from 0.
#[derive(Debug)]
pub(crate) struct Numbered<T> {
    numbers: HashMap<T, u32, ahash::RandomState>,
    pub all: Vec<T>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { numbers: HashMap::default(), all: Vec::new() }
    }
}

impl<T: Copy + Eq + Hash> Numbered<T> {
    fn number(&mut self, thing: T) -> u32 {
        let next = u32::try_from(self.all.len()).expect("invariant: fewer than 2^32 fit in memory");
        *self.numbers.entry(thing).or_insert_with(|| {
            self.all.push(thing);
            next
        })
    }
}

/// Pages and ways by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    pub pages: HashMap<u32, Page, ahash::RandomState>,
    pub ways: HashMap<u32, Way, ahash::RandomState>,
    /// In place of the maps where all are there.
    pub all: Option<(Vec<Page>, Vec<Way>)>,
}

impl Dictionary {
    /// A page that views name.
    pub(crate) fn page(&self, number: u32) -> Page {
        let found = match &self.all {
            Some((pages, _)) => pages.get(number as usize),
            None => self.pages.get(&number),
        };
        *found.expect("invariant: pages are known before the views that name them are looked at")
    }

    /// A way that views name.
    pub(crate) fn way(&self, number: u32) -> Way {
        let found = match &self.all {
            Some((_, ways)) => ways.get(number as usize),
            None => self.ways.get(&number),
        };
        *found.expect("invariant: ways are known before the views that name them are looked at")
    }

    /// Channel and campaign of a visit; one that began within the site is taken for direct.
    pub(crate) fn came(&self, way: Option<u32>) -> (u32, u32) {
        way.map_or((Channel::Direct as u32, NONE), |number| {
            let way = self.way(number);
            (way.channel, way.campaign)
        })
    }
}

/// What a run of events says.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub visitors: Names,
    /// Paths, merchants, sales channels, sites, campaigns' words and buyers.
    pub names: Names,
    pub pages: Numbered<Page>,
    pub ways: Numbered<Way>,
    pub views: Vec<View>,
    pub orders: Names,
    /// In the order in which they happened, by the order's number.
    pub changes: Vec<(u32, Change)>,
}

impl Heard {
    /// Listens to an event; channels are told by this rule.
    pub(crate) fn hear(&mut self, e: &Envelope<'_>, rule: &ChannelRule) {
        let at = Timestamp(e.occurred_at);
        if let Event::PageViewed(view) = e.event {
            return self.view(at, view, rule);
        }
        let Some(order) = e.refs.order else { return };
        let change = match e.event {
            Event::OrderPlaced(placed) => Change::Placed(Sale {
                placed_at: at,
                visitor: placed.visitor.map(|visitor| self.visitors.number(visitor.as_str())),
                buyer: self.names.number(placed.buyer.as_str()),
                merchant: self.names.number(placed.merchant.as_str()),
                sales_channel: self.names.number(placed.sales_channel.as_str()),
                paid_at: None,
                currency: placed.total.currency,
                worth: placed.total.minor,
                paid: 0,
                refunded: 0,
            }),
            Event::EscrowFunded(funded) => Change::Paid { at, minor: funded.paid().minor },
            Event::EscrowRefunded(refund) => Change::Refunded { minor: refund.to_buyer.minor },
            Event::RefundIssued(refund) => Change::Refunded { minor: refund.to_buyer.minor },
            Event::ChargebackClosed(closed) => {
                let Some((of_escrow, borne)) = closed.to_buyer() else { return };
                Change::Refunded { minor: of_escrow.minor.saturating_add(borne.minor) }
            }
            _ => return,
        };
        self.changes.push((self.orders.number(order.as_str()), change));
    }

    fn view(&mut self, at: Timestamp, view: &PageViewed, rule: &ChannelRule) {
        let path = page_itself(&view.page);
        let (merchant, channel) = (view.merchant.as_ref(), view.sales_channel.as_ref());
        let (merchant, channel) = (merchant.map(|m| m.as_str()), channel.map(|c| c.as_str()));
        let page = Page {
            rank: 0, // of its texts, so that what is told apart without it is told apart
            path: self.names.number(&path),
            topic: view.topic.as_ref().map_or(NONE, |topic| self.names.number(topic)),
            product: view.product.as_ref().map_or(NONE, |product| self.names.number(product.as_str())),
            merchant: merchant.map_or(NONE, |merchant| self.names.number(merchant)),
            sales_channel: channel.map_or(NONE, |channel| self.names.number(channel)),
        };
        let page = self.pages.number(page);
        let way = self.way(view, rule);
        let visitor = self.visitors.number(view.visitor.as_str());
        self.views.push(View { at: at.0, visitor, page, way });
    }

    fn way(&mut self, view: &PageViewed, rule: &ChannelRule) -> u32 {
        let tags = tags_of(view.tags.as_ref());
        let landing = Landing { page: &view.page, referrer: view.referrer.as_deref(), tags };
        let Some(origin) = rule.classify(&landing) else { return NONE };
        let way = Way {
            rank: 0,
            channel: origin.channel as u32,
            paid: origin.paid,
            site: origin.site.map_or(NONE, |site| self.names.number(&site)),
            campaign: origin.campaign.map_or(NONE, |campaign| self.names.number(&campaign)),
            tagged: origin.tagged,
        };
        self.ways.number(way)
    }

    /// Takes what was heard right after this, as if all had been heard here: numbers stay those of first sight.
    pub(crate) fn join(&mut self, later: Self) {
        let renumber = |own: &mut Names, later: &Names| -> Vec<u32> {
            later.iter().map(|text| own.number(text)).collect()
        };
        let visitors = renumber(&mut self.visitors, &later.visitors);
        let names = renumber(&mut self.names, &later.names);
        let orders = renumber(&mut self.orders, &later.orders);
        let name = |number: u32| if number == NONE { NONE } else { names[number as usize] };
        let page = |page: &Page| Page {
            rank: page.rank,
            path: name(page.path),
            topic: name(page.topic),
            product: name(page.product),
            merchant: name(page.merchant),
            sales_channel: name(page.sales_channel),
        };
        let pages: Vec<u32> = later.pages.all.iter().map(|of| self.pages.number(page(of))).collect();
        let way = |way: &Way| Way { site: name(way.site), campaign: name(way.campaign), ..*way };
        let ways: Vec<u32> = later.ways.all.iter().map(|of| self.ways.number(way(of))).collect();
        self.views.reserve_exact(later.views.len());
        self.views.extend(later.views.into_iter().map(|view| View {
            at: view.at,
            visitor: visitors[view.visitor as usize],
            page: pages[view.page as usize],
            way: if view.way == NONE { NONE } else { ways[view.way as usize] },
        }));
        let change = |change| match change {
            Change::Placed(sale) => Change::Placed(Sale {
                visitor: sale.visitor.map(|visitor| visitors[visitor as usize]),
                buyer: name(sale.buyer),
                merchant: name(sale.merchant),
                sales_channel: name(sale.sales_channel),
                ..sale
            }),
            Change::Paid { .. } | Change::Refunded { .. } => change,
        };
        let changes = later.changes.into_iter().map(|(order, of)| (orders[order as usize], change(of)));
        self.changes.reserve_exact(changes.len());
        self.changes.extend(changes);
    }

    /// All pages and ways, with the ranks of their texts.
    pub(crate) fn ranked(&self) -> (Vec<Page>, Vec<Way>) {
        let text = |number: u32| (number != NONE).then(|| self.names.text(number));
        let page = |page: &Page| {
            let of = [page.path, page.topic, page.product, page.merchant, page.sales_channel];
            let rank = rank(&of.map(text));
            Page { rank, ..*page }
        };
        let way = |way: &Way| {
            let channel = Channel::ALL.into_iter().find(|channel| *channel as u32 == way.channel);
            let (tagged, paid) = (way.tagged.then_some(""), way.paid.then_some(""));
            let rank =
                rank(&[channel.map(Channel::as_str), text(way.site), text(way.campaign), tagged, paid]);
            Way { rank, ..*way }
        };
        (self.pages.all.iter().map(page).collect(), self.ways.all.iter().map(way).collect())
    }

    /// Whether there was nothing to hear.
    pub(crate) fn is_empty(&self) -> bool {
        self.views.is_empty() && self.changes.is_empty()
    }

    /// Bytes of memory that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        self.visitors.bytes()
            + self.names.bytes()
            + self.orders.bytes()
            + self.views.capacity() * size_of::<View>()
            + self.changes.capacity() * size_of::<(u32, Change)>()
            + self.pages.all.capacity() * size_of::<Page>() * 2
    }
}

/// Tags as the channel rule takes them.
pub(crate) fn tags_of(tags: Option<&RecordedTags>) -> Tags<'_> {
    tags.map_or_else(Tags::default, |tags| Tags {
        source: tags.source.as_deref(),
        medium: tags.medium.as_deref(),
        campaign: tags.campaign.as_deref(),
        term: tags.term.as_deref(),
        content: tags.content.as_deref(),
        click_id: tags.click_id.as_deref(),
    })
}

/// A currency as it is kept.
pub(crate) fn currency(code: &str) -> Option<Currency> {
    Currency::new(code).ok()
}
