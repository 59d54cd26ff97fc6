//! Who bought: new and old buyers, who came again, and what each of them brought.

use std::collections::{BTreeMap, BTreeSet};

use daybook_domain::{Currency, Money, Timestamp};
use daybook_metrics::sessions::Day;
use hashbrown::HashMap;

use super::filing::{Came, Facts, Filing, Key, TOTAL};
use super::history::History;
use super::{Dimension, Question, money};
use crate::engine::ReadModelError;

/// The buyers of a cell, whether or not a recorded visit led to their orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuyerFigures {
    /// Accounts made; by time only.
    pub registrations: u64,
    /// Terminals on which somebody registered for the first time, as their hits tell; by time only. Of a storefront that
    /// records accounts as well these are the same people seen from the other side: the two do not add up.
    pub registered_terminals: u64,
    /// Distinct buyers who paid.
    pub buyers: u64,
    /// Of them, those whose first paid order of all lies in the period.
    pub new_buyers: u64,
    /// Of them, those who paid for more than one order of the cell.
    pub repeat_buyers: u64,
    /// Orders paid.
    pub orders: u64,
    /// What was paid.
    pub gmv: Money,
    /// Of that, by new buyers.
    pub new_gmv: Money,
}

/// A cell while it is added up.
#[derive(Default)]
struct Sum {
    registrations: u64,
    registered_terminals: u64,
    /// Orders by buyer.
    buyers: HashMap<u32, u64, ahash::RandomState>,
    new: BTreeSet<u32>,
    gmv: i128,
    new_gmv: i128,
}

/// Buyers by cell, under the words of its dimensions; and those of all cells together.
pub type BuyersByCell = (Vec<(Vec<String>, BuyerFigures)>, BuyerFigures);

impl History {
    /// The buyers of the question's days, by time, merchant, sales channel, category or product.
    ///
    /// # Errors
    /// [`ReadModelError::BadQuestion`] for another dimension, or sums beyond 64 bits.
    pub fn buyers(&self, question: &Question) -> Result<BuyersByCell, ReadModelError> {
        let known = |by: &Dimension| {
            let sold =
                [Dimension::Merchant, Dimension::SalesChannel, Dimension::Category, Dimension::Product];
            by.is_time() || sold.contains(by)
        };
        if let Some(by) = question.by.iter().find(|by| !known(by)) {
            let why = format!(
                "buyers are counted whether or not a visit is known, so not by {by}: use day, week, month, merchant, \
                 sales_channel, category or product"
            );
            return Err(ReadModelError::BadQuestion(why));
        }
        question.has_few_dimensions()?;
        let filing = Filing::of(self, question);
        let firsts = self.first_paid();
        let mut sums: BTreeMap<Key, Sum> = BTreeMap::new();
        for sale in filing.sales() {
            let Some(at) = sale.paid_at else { continue };
            let facts = filing.of_sale(sale, at, Came::UNKNOWN, firsts.get(&sale.buyer).copied());
            for (key, share) in filing.shares(sale, &facts) {
                let sum = sums.entry(key).or_default();
                *sum.buyers.entry(sale.buyer).or_default() += 1;
                sum.gmv += i128::from(share.paid);
                if filing.is_new(&facts, key == TOTAL) {
                    sum.new.insert(sale.buyer);
                    sum.new_gmv += i128::from(share.paid);
                }
            }
        }
        if question.by.iter().all(|by| by.is_time()) {
            let mut register = |at: Timestamp, count: fn(&mut Sum)| {
                let day = self.day(at);
                if filing.holds(day) {
                    let keys = filing.keys(&Facts { day, ..Facts::NOTHING });
                    keys.for_each(|key| count(sums.entry(key).or_default()));
                }
            };
            for at in &self.registered {
                register(*at, |sum| sum.registrations += 1);
            }
            for at in self.first_registers.values() {
                register(*at, |sum| sum.registered_terminals += 1);
            }
        }
        let total = sums.remove(&TOTAL).unwrap_or_default().figures(question.currency)?;
        let name = |(key, sum): (Key, Sum)| Ok((filing.words(&key), sum.figures(question.currency)?));
        let mut cells = sums.into_iter().map(name).collect::<Result<Vec<_>, ReadModelError>>()?;
        cells.sort_by(|a, b| a.0.cmp(&b.0));
        Ok((cells, total))
    }

    /// The day on which each buyer first paid for an order, in whatever currency.
    fn first_paid(&self) -> HashMap<u32, Day, ahash::RandomState> {
        let mut firsts = HashMap::default();
        for sale in &self.sales {
            let Some(at) = sale.paid_at else { continue };
            let day = self.day(at);
            let first = firsts.entry(sale.buyer).or_insert(day);
            *first = day.min(*first);
        }
        firsts
    }
}

impl Sum {
    fn figures(self, currency: Currency) -> Result<BuyerFigures, ReadModelError> {
        let money = |sum: i128| money(sum, currency);
        Ok(BuyerFigures {
            registrations: self.registrations,
            registered_terminals: self.registered_terminals,
            buyers: self.buyers.len() as u64,
            new_buyers: self.new.len() as u64,
            repeat_buyers: self.buyers.values().filter(|orders| **orders > 1).count() as u64,
            orders: self.buyers.values().sum(),
            gmv: money(self.gmv)?,
            new_gmv: money(self.new_gmv)?,
        })
    }
}
