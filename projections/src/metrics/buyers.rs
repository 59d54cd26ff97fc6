//! Who bought: new and old buyers, who came again, and what each of them brought.

use std::collections::{BTreeMap, BTreeSet};

use daybook_domain::traffic::events::Act;
use daybook_domain::{Currency, Money};
use daybook_metrics::sessions::Day;
use hashbrown::HashMap;

use super::filing::{Came, Facts, Filing, Key, TOTAL};
use super::history::History;
use super::{Dimension, MAX_DIMENSIONS, Question};
use crate::engine::ReadModelError;

/// The buyers of a cell, whether or not a recorded visit led to their orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuyerFigures {
    /// Accounts made; by time only.
    pub registrations: u64,
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
        if question.by.len() > MAX_DIMENSIONS {
            let why = format!("figures are asked by {MAX_DIMENSIONS} dimensions at most");
            return Err(ReadModelError::BadQuestion(why));
        }
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
            for day in self.registrations().filter(|day| filing.holds(*day)) {
                for key in filing.keys(&Facts { day, ..Facts::NOTHING }) {
                    sums.entry(key).or_default().registrations += 1;
                }
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

    /// The day of each registration: of an account, or of a terminal on which somebody registered without that an account
    /// names it.
    fn registrations(&self) -> impl Iterator<Item = Day> {
        let named: BTreeSet<u32> = self.registered.iter().filter_map(|(_, visitor)| *visitor).collect();
        let terminals = self.seen.iter().enumerate().filter_map(move |(number, visitor)| {
            let acts = visitor.hits.iter().filter(|seen| seen.act == Some(Act::Register));
            let first = acts.map(|seen| seen.at).min()?;
            let unnamed = u32::try_from(number).is_ok_and(|number| !named.contains(&number));
            unnamed.then_some(first)
        });
        self.registered.iter().map(|(at, _)| *at).chain(terminals).map(|at| self.day(at))
    }
}

impl Sum {
    fn figures(self, currency: Currency) -> Result<BuyerFigures, ReadModelError> {
        let money = |sum: i128| {
            let beyond =
                |_| ReadModelError::BadQuestion("the GMV is beyond 64 bits: ask about fewer days".to_owned());
            i64::try_from(sum).map(|minor| Money::new(minor, currency)).map_err(beyond)
        };
        Ok(BuyerFigures {
            registrations: self.registrations,
            buyers: self.buyers.len() as u64,
            new_buyers: self.new.len() as u64,
            repeat_buyers: self.buyers.values().filter(|orders| **orders > 1).count() as u64,
            orders: self.buyers.values().sum(),
            gmv: money(self.gmv)?,
            new_gmv: money(self.new_gmv)?,
        })
    }
}
