//! The funnel: who viewed a product, put one into the cart after that, placed an order after that, and paid for it.

use std::collections::BTreeMap;

use daybook_domain::Timestamp;
use daybook_domain::traffic::events::Act;
use daybook_metrics::sessions::Deed;

use super::filing::{Came, Filing, Key, NOTHING, TOTAL};
use super::history::{Carted, History, Page, Visitor};
use super::sales::Sale;
use super::{Dimension, MAX_DIMENSIONS, Question};
use crate::engine::ReadModelError;

/// The topic of a page that shows a product without naming it.
const PRODUCT: &str = "product";

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
    /// When something was put into the cart.
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
        if question.by.len() > MAX_DIMENSIONS {
            let why = format!("figures are asked by {MAX_DIMENSIONS} dimensions at most");
            return Err(ReadModelError::BadQuestion(why));
        }
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
                let (loose, sum) = (filing.loose(key), sums.entry(*key).or_default());
                sum.viewed += 1;
                let after = |all: &Vec<Timestamp>| all.iter().filter(|at| *at >= viewed).min().copied();
                let Some(first) = done.carted.get(&loose).and_then(after) else { continue };
                sum.carted += 1;
                sum.ordered += u64::from(done.ordered.get(&loose).is_some_and(|last| *last >= first));
                sum.paid += u64::from(done.paid.get(&loose).is_some_and(|last| *last >= first));
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
                    for key in self.keys(&history.of_page(page, hit.at, Came::by(&visit), first)) {
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
            for key in self.keys(&history.of_page(page, at, Came::UNKNOWN, first)) {
                done.carted.entry(self.loose(&key)).or_default().push(at);
            }
        }
        for sale in bought {
            let take = |at: Timestamp, last: &mut BTreeMap<Key, Timestamp>| {
                if !self.holds(history.day(at)) {
                    return;
                }
                for key in self.shares(sale, &self.of_sale(sale, at, Came::UNKNOWN, first)).keys() {
                    let last = last.entry(self.loose(key)).or_insert(sale.placed_at);
                    *last = sale.placed_at.max(*last);
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
        if *key == TOTAL {
            return TOTAL;
        }
        let mut loose = *key;
        for (code, by) in loose.iter_mut().zip(&self.question.by) {
            if matches!(
                by,
                Dimension::Channel
                    | Dimension::Campaign
                    | Dimension::Paid
                    | Dimension::Site
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
}
