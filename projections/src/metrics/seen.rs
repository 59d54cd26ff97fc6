//! What visitors were shown and did, interned: their hits, the pages of these and the ways by which they came.

use daybook_domain::traffic::events::{Act, PageViewed, Tags as RecordedTags, VisitorActed};
use daybook_domain::{Code, MerchantId, ProductId, Timestamp};
use daybook_metrics::channel::{Landing, page_itself};
use daybook_metrics::sessions::{Deed, Hit};
use daybook_metrics::{Channel, SessionRule};

use super::history::{History, number_of};
use super::live::heard::tags_of;
use super::ranked::{Ranked, Visits, cut, rank};

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

/// A page with what it belongs to, and where its visitor was, as numbers of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Page {
    pub path: u32,
    pub topic: Option<u32>,
    pub product: Option<u32>,
    pub merchant: Option<u32>,
    pub sales_channel: Option<u32>,
    /// Tells no page from another.
    pub region: Option<u32>,
}

/// A way to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Way {
    pub channel: Channel,
    pub paid: bool,
    pub site: Option<u32>,
    pub campaign: Option<u32>,
    /// What was searched for; tells no way from another.
    pub term: Option<u32>,
    pub tagged: bool,
}

/// Of what a page's number stands for, as it comes.
#[derive(Clone, Copy, Default)]
struct Place<'a> {
    path: &'a str,
    topic: Option<&'a str>,
    product: Option<ProductId>,
    merchant: Option<MerchantId>,
    sales_channel: Option<Code>,
    region: Option<&'a str>,
}

impl Visitor {
    /// When it was first seen: shown a page, or, who never was, doing something.
    pub fn first(&self) -> Option<Timestamp> {
        self.first_view.or_else(|| self.hits.iter().map(|seen| seen.at).min())
    }

    /// Most come once: for them no room is kept.
    fn took(&mut self, hit: Seen) {
        if self.hits.is_empty() {
            self.hits.reserve_exact(1);
        }
        self.hits.push(hit);
    }
}

impl History {
    pub(super) fn visitor(&mut self, id: &str) -> u32 {
        let visitor = self.visitors.number(id);
        if visitor as usize == self.seen.len() {
            self.seen.push(Visitor { first_view: None, hits: Vec::new() });
        }
        visitor
    }

    /// A visitor's hits in order of time, and the visits that they come to.
    pub(super) fn visits(&self, visitor: &Visitor, rule: &SessionRule) -> Visits {
        let path = |page: u32| self.shown[page as usize].path;
        cut(rule, visitor.hits.iter().map(|seen| self.hit(seen)).collect(), path)
    }

    fn hit(&self, seen: &Seen) -> Hit<Ranked, Ranked> {
        let tagged = seen.way.is_some_and(|way| self.came[way as usize].tagged);
        let page = self.page_ranks[seen.page as usize];
        let deed = match seen.act {
            None => Deed::View(page),
            Some(act) => {
                let key = matches!(act, Act::Register | Act::BeginCheckout);
                Deed::Act { key, page }
            }
        };
        let arrival = seen.way.map(|number| self.way_ranks[number as usize]);
        Hit { at: seen.at, day: self.day(seen.at), deed, arrival, tagged }
    }

    pub(super) fn view(&mut self, at: Timestamp, view: &PageViewed) {
        let number = self.visitor(view.visitor.as_str());
        let visitor = &mut self.seen[number as usize];
        visitor.first_view = Some(visitor.first_view.map_or(at, |first| first.min(at)));
        if at < self.since {
            return;
        }
        let way = self.way(&view.page, view.referrer.as_deref(), view.tags.as_ref());
        let page = self.page(Place {
            path: &view.page,
            topic: view.topic.as_deref(),
            product: view.product,
            merchant: view.merchant,
            sales_channel: view.sales_channel,
            region: view.region.as_deref(),
        });
        self.seen[number as usize].took(Seen { at, page, way, act: None });
    }

    pub(super) fn act(&mut self, at: Timestamp, act: &VisitorActed) {
        let number = self.visitor(act.visitor.as_str());
        if act.act == Act::Register {
            let first = self.first_registers.entry(number).or_insert(at);
            *first = at.min(*first);
        }
        if at < self.since {
            return;
        }
        let path = act.page.as_deref().unwrap_or_default();
        let way = self.way(path, act.referrer.as_deref(), act.tags.as_ref());
        let page = self.page(Place {
            path,
            topic: act.topic.as_deref(),
            product: act.product,
            merchant: act.merchant,
            sales_channel: act.sales_channel,
            region: act.region.as_deref(),
        });
        self.seen[number as usize].took(Seen { at, page, way, act: Some(act.act) });
    }

    /// What a page of a product would belong to, as a number.
    pub(super) fn page_of(&mut self, product: ProductId, merchant: Option<MerchantId>) -> u32 {
        self.page(Place { product: Some(product), merchant, ..Place::default() })
    }

    /// A page with what it belongs to, as a number.
    fn page(&mut self, place: Place<'_>) -> u32 {
        let path = page_itself(place.path);
        let page = Page {
            path: self.names.number(&path),
            topic: place.topic.map(|topic| self.names.number(topic)),
            product: place.product.map(|product| self.names.number(product.as_str())),
            merchant: place.merchant.map(|merchant| self.names.number(merchant.as_str())),
            sales_channel: place.sales_channel.map(|channel| self.names.number(channel.as_str())),
            region: place.region.filter(|region| !region.is_empty()).map(|region| self.names.number(region)),
        };
        if let Some(known) = self.pages.get(&page) {
            return *known;
        }
        let number = number_of(&self.shown);
        let ranked = match page.region {
            // of one page, whoever looks at it from where
            Some(_) => {
                let same = self.page(Place { region: None, ..place });
                let (number, beside) = (number_of(&self.shown), rank(&[place.region]));
                Ranked { number, beside, ..self.page_ranks[same as usize] }
            }
            None => {
                let product = place.product.as_ref().map(|product| product.as_str());
                let merchant = place.merchant.as_ref().map(|merchant| merchant.as_str());
                let sales_channel = place.sales_channel.as_ref().map(|channel| channel.as_str());
                let rank = rank(&[Some(&path), place.topic, product, merchant, sales_channel]);
                Ranked { rank, same: number, number, beside: 0 }
            }
        };
        self.pages.insert(page, ranked.number);
        self.shown.push(page);
        self.page_ranks.push(ranked);
        ranked.number
    }

    /// How a hit was come to, as a number.
    fn way(&mut self, page: &str, referrer: Option<&str>, tags: Option<&RecordedTags>) -> Option<u32> {
        let origin = self.rule.classify(&Landing { page, referrer, tags: tags_of(tags) })?;
        let way = Way {
            channel: origin.channel,
            paid: origin.paid,
            site: origin.site.as_ref().map(|site| self.names.number(site)),
            campaign: origin.campaign.as_ref().map(|campaign| self.names.number(campaign)),
            term: origin.term.as_ref().filter(|term| !term.is_empty()).map(|term| self.names.number(term)),
            tagged: origin.tagged,
        };
        if let Some(known) = self.ways.get(&way) {
            return Some(*known);
        }
        let texts = [
            Some(origin.channel.as_str()),
            origin.site.as_deref(),
            origin.campaign.as_deref(),
            origin.tagged.then_some(""),
            origin.paid.then_some(""),
        ];
        let (of_way, of_term) = (rank(&texts), rank(&[origin.term.as_deref()]));
        let plain = |number| Ranked { rank: of_way, same: number, number, beside: 0 };
        let plain = self.new_way(Way { term: None, ..way }, plain);
        Some(match way.term {
            None => plain,
            // of one way, whatever was searched for
            Some(_) => {
                let of = self.way_ranks[plain as usize];
                self.new_way(way, |number| Ranked { number, beside: of_term, ..of })
            }
        })
    }

    fn new_way(&mut self, way: Way, ranked: impl FnOnce(u32) -> Ranked) -> u32 {
        if let Some(known) = self.ways.get(&way) {
            return *known;
        }
        if let Some(word) = way.campaign {
            self.called.said(word, &mut self.names);
        }
        let number = number_of(&self.came);
        self.ways.insert(way, number);
        self.came.push(way);
        self.way_ranks.push(ranked(number));
        number
    }
}
