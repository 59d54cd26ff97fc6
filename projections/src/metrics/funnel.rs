//! The funnel: who viewed a product, put one into the cart after that, placed an order after that, and paid for it.

use std::collections::BTreeMap;

use daybook_domain::Timestamp;
use daybook_domain::traffic::events::Act;
use daybook_metrics::sessions::Deed;

use super::filing::{Came, Filing, Key, NOTHING, TOTAL};
use super::history::{Carted, History};
use super::sales::Sale;
use super::seen::{Page, Visitor};
use super::{Dimension, Question};
use crate::engine::ReadModelError;

/// The topic of a page that shows a product without naming it.
const PRODUCT: &str = "product";

/// In place of a word: whichever.
const ANY: u32 = u32::MAX - 2;

/// Distinct visitors at each step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// Viewed a product.
    pub viewed: u64,
    /// Put one into the cart.
    pub carted: u64,
    /// Placed an order.
    pub ordered: u64,
    /// Paid for one.
    pub paid: u64,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Funnel {
    /// Each cell under the words of its dimensions: who took each step after the one before.
    pub cells: Vec<(Vec<String>, Steps)>,
    /// The same of all.
    pub total: Steps,
    /// Who took each step at all, in whatever order and without the others.
    pub anyhow: Steps,
}

/// What one visitor did, by cell.
#[derive(Default)]
struct Done {
    /// When a product was first viewed.
    viewed: BTreeMap<Key, Timestamp>,
    /// When something was put into the cart, in order of time.
    carted: BTreeMap<Key, Vec<Timestamp>>,
    /// When the last order was placed.
    ordered: BTreeMap<Key, Timestamp>,
    /// When the last order that was paid was placed.
    paid: BTreeMap<Key, Timestamp>,
}

impl History {
    /// Follows visitors through the question's days. All steps lie in those days, and in the same day, week or month, at the
    /// same merchant, product or category where asked by one of these; the visit by which a visitor came is that of the first
    /// step.
    ///
    /// # Errors
    /// [`ReadModelError::BadQuestion`] for more dimensions than there may be.
    pub fn funnel(&self, question: &Question) -> Result<Funnel, ReadModelError> {
        question.has_few_dimensions()?;
        let filing = Filing::of(self, question);
        let mut bought: Vec<Vec<&Sale>> = vec![Vec::new(); self.seen.len()];
        for sale in self.sales.iter().filter(|sale| sale.currency == question.currency) {
            if let Some(visitor) = sale.visitor {
                bought[visitor as usize].push(sale);
            }
        }
        let mut carted: Vec<Vec<&Carted>> = vec![Vec::new(); self.seen.len()];
        for item in &self.carted {
            carted[item.visitor as usize].push(item);
        }
        let mut sums: BTreeMap<Key, Steps> = BTreeMap::new();
        let mut anyhow = Steps::default();
        for ((visitor, bought), carted) in self.seen.iter().zip(&bought).zip(&carted) {
            let done = filing.done(visitor, bought, carted);
            anyhow.viewed += u64::from(done.viewed.contains_key(&TOTAL));
            anyhow.carted += u64::from(done.carted.contains_key(&TOTAL));
            anyhow.ordered += u64::from(done.ordered.contains_key(&TOTAL));
            anyhow.paid += u64::from(done.paid.contains_key(&TOTAL));
            for (key, viewed) in &done.viewed {
                let (sought, sum) = (filing.sought(key), sums.entry(*key).or_default());
                sum.viewed += 1;
                let Some(first) = done.carted_after(&sought, *viewed) else { continue };
                sum.carted += 1;
                let after = |last: &BTreeMap<Key, Timestamp>| {
                    sought.iter().any(|key| last.get(key).is_some_and(|last| *last >= first))
                };
                sum.ordered += u64::from(after(&done.ordered));
                sum.paid += u64::from(after(&done.paid));
            }
        }
        let total = sums.remove(&TOTAL).unwrap_or_default();
        let mut cells: Vec<_> = sums.into_iter().map(|(key, steps)| (filing.words(&key), steps)).collect();
        cells.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Funnel { cells, total, anyhow })
    }

    fn shows_a_product(&self, page: &Page) -> bool {
        page.product.is_some() || page.topic.is_some_and(|topic| self.name(topic) == PRODUCT)
    }
}

impl Done {
    /// When something was first put into the cart under one of these keys, not before an instant.
    fn carted_after(&self, keys: &[Key], viewed: Timestamp) -> Option<Timestamp> {
        let first = |key: &Key| {
            let times = self.carted.get(key)?;
            times.get(times.partition_point(|at| *at < viewed)).copied()
        };
        keys.iter().filter_map(first).min()
    }
}

impl Filing<'_> {
    /// What a visitor did in the question's days.
    fn done(&self, visitor: &Visitor, bought: &[&Sale], carted: &[&Carted]) -> Done {
        let history = self.history;
        let first = visitor.first().map(|at| history.day(at));
        let mut done = Done::default();
        let (hits, visits) = history.visits(visitor, &self.question.sessions);
        for visit in visits {
            for hit in &hits[visit.hits.clone()] {
                let Deed::View(page) = hit.deed else { continue };
                if self.holds(hit.day) && history.shows_a_product(&history.shown[page as usize]) {
                    for key in self.keys(&self.of_page(page, hit.at, Came::by(&visit), first)) {
                        let at = done.viewed.entry(key).or_insert(hit.at);
                        *at = hit.at.min(*at);
                    }
                }
            }
        }
        let acts = visitor.hits.iter().filter(|seen| seen.act == Some(Act::AddToCart));
        let acts =
            acts.map(|seen| (seen.at, seen.page)).chain(carted.iter().map(|item| (item.at, item.page)));
        for (at, page) in acts.filter(|(at, _)| self.holds(history.day(*at))) {
            for key in self.keys(&self.of_page(page, at, Came::UNKNOWN, first)) {
                for key in self.findable(&key) {
                    done.carted.entry(key).or_default().push(at);
                }
            }
        }
        done.carted.values_mut().for_each(|times| times.sort_unstable());
        for sale in bought {
            let take = |at: Timestamp, last: &mut BTreeMap<Key, Timestamp>| {
                if !self.holds(history.day(at)) {
                    return;
                }
                for key in self.shares(sale, &self.of_sale(sale, at, Came::UNKNOWN, first)).keys() {
                    for key in self.findable(key) {
                        let last = last.entry(key).or_insert(sale.placed_at);
                        *last = sale.placed_at.max(*last);
                    }
                }
            };
            take(sale.placed_at, &mut done.ordered);
            if let Some(at) = sale.paid_at {
                take(at, &mut done.paid);
            }
        }
        done
    }

    /// A key by which steps find one another: without what only the first of them has.
    fn loose(&self, key: &Key) -> Key {
        let mut loose = *key;
        for (code, by) in loose.iter_mut().zip(&self.question.by) {
            if matches!(
                by,
                Dimension::Channel
                    | Dimension::Campaign
                    | Dimension::Paid
                    | Dimension::Site
                    | Dimension::Term
                    | Dimension::Region
                    | Dimension::Page
                    | Dimension::Topic
                    | Dimension::Hour
                    | Dimension::Weekday
            ) {
                *code = NOTHING;
            }
        }
        loose
    }

    /// The keys under which a later step is found: its own, and those of whoever does not know where the visitor was.
    fn findable(&self, key: &Key) -> Vec<Key> {
        self.spread(key, |code| [code, ANY])
    }

    /// The keys under which the later steps of a view are looked for. A cart of the storefront does not know its sales
    /// channel, and need not know its merchant; a page need not know either: what is not known may be any.
    fn sought(&self, key: &Key) -> Vec<Key> {
        self.spread(key, |code| if code == NOTHING { [ANY; 2] } else { [code, NOTHING] })
    }

    fn spread(&self, key: &Key, of: impl Fn(u32) -> [u32; 2]) -> Vec<Key> {
        if *key == TOTAL {
            return vec![TOTAL];
        }
        let mut keys = vec![self.loose(key)];
        for (at, by) in self.question.by.iter().enumerate() {
            if matches!(by, Dimension::Merchant | Dimension::SalesChannel) {
                let each = |key: Key| {
                    of(key[at]).map(|code| {
                        let mut key = key;
                        key[at] = code;
                        key
                    })
                };
                keys = keys.into_iter().flat_map(each).collect();
            }
        }
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}
