//! What was seen and sold, product by product, and how much of it a few of them bring.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use daybook_domain::{Money, Timestamp};

use super::filing::Filing;
use super::history::History;
use super::{Dimension, Question, money};
use crate::engine::ReadModelError;

/// A product's figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductFigures {
    /// The product.
    pub product: String,
    /// The category that it was sold in, as of the last of the days.
    pub category: Option<String>,
    /// Distinct visitors who were shown a page of it.
    pub uv: u64,
    /// Distinct buyers who paid for it.
    pub buyers: u64,
    /// Orders with it.
    pub orders: u64,
    /// What was paid for it.
    pub gmv: Money,
    /// What its goods were at the list price, of lines where one was recorded.
    pub list: Money,
    /// What buyers paid for those goods: less discounts and what the market added.
    pub price: Money,
    /// Price and list of the line with the deepest discount.
    pub deepest: Option<(Money, Money)>,
}

/// How much the first fifth of the products has of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pareto {
    /// Products that were seen, or sold.
    pub products: u64,
    /// A fifth of them, rounded up.
    pub first: u64,
    /// What these have: visitors, or minor units.
    pub of_first: i128,
    /// What all have.
    pub of_all: i128,
}

/// Products with the most GMV first, and what the first fifth of them has of visitors and of GMV.
#[derive(Clone, Debug)]
pub struct Products {
    /// The products.
    pub products: Vec<ProductFigures>,
    /// By visitors; a visitor counts for each product that it saw.
    pub by_uv: Pareto,
    /// By GMV.
    pub by_gmv: Pareto,
}

#[derive(Default)]
struct Sum {
    buyers: BTreeSet<u32>,
    orders: u64,
    gmv: i128,
    list: i128,
    price: i128,
    deepest: Option<(i64, i64)>,
}

impl History {
    /// The products that were seen or sold in the question's days; its dimensions are not looked at.
    ///
    /// # Errors
    /// [`ReadModelError::BadQuestion`] for sums beyond 64 bits.
    pub fn products(&self, question: &Question) -> Result<Products, ReadModelError> {
        let question = Question { by: vec![Dimension::Product], ..question.clone() };
        let seen = self.cells(&question)?.cells.into_iter().map(|(words, cell)| (words.concat(), cell.uv));
        let seen: BTreeMap<String, u64> = seen.filter(|(product, _)| !product.is_empty()).collect();
        let mut sold: BTreeMap<&str, Sum> = BTreeMap::new();
        for sale in Filing::of(self, &question).sales() {
            let lines = sale.lines();
            for line in lines {
                let sum = sold.entry(self.name(line.product)).or_default();
                sum.buyers.insert(sale.buyer);
                sum.gmv += i128::from(line.paid);
                if let Some(list) = line.list.filter(|list| *list > 0) {
                    sum.list += i128::from(list);
                    sum.price += i128::from(line.price);
                    let deeper = |of: (i64, i64)| {
                        i128::from(line.price) * i128::from(of.1) < i128::from(of.0) * i128::from(list)
                    };
                    if sum.deepest.is_none_or(deeper) {
                        sum.deepest = Some((line.price, list));
                    }
                }
            }
            let products: BTreeSet<u32> = lines.iter().map(|line| line.product).collect();
            for product in products {
                sold.entry(self.name(product)).or_default().orders += 1;
            }
        }
        let by_uv = Pareto::of(seen.values().map(|uv| i128::from(*uv)).filter(|uv| *uv > 0).collect());
        let by_gmv = Pareto::of(sold.values().map(|sum| sum.gmv).collect());
        let names: BTreeSet<&str> = seen.keys().map(String::as_str).chain(sold.keys().copied()).collect();
        let nothing = Sum::default();
        let end = self.calendar.end_of(question.days.to);
        let figures = |name: &&str| {
            let sum = sold.get(name).unwrap_or(&nothing);
            let money = |sum: i128| money(sum, question.currency);
            let minor = |minor| Money::new(minor, question.currency);
            Ok::<_, ReadModelError>(ProductFigures {
                product: (*name).to_owned(),
                category: self.category_of(name, end),
                uv: seen.get(*name).copied().unwrap_or_default(),
                buyers: sum.buyers.len() as u64,
                orders: sum.orders,
                gmv: money(sum.gmv)?,
                list: money(sum.list)?,
                price: money(sum.price)?,
                deepest: sum.deepest.map(|(price, list)| (minor(price), minor(list))),
            })
        };
        let mut products = names.iter().map(figures).collect::<Result<Vec<_>, _>>()?;
        products.sort_by(|a, b| {
            (Reverse(a.gmv.minor), Reverse(a.uv), &a.product).cmp(&(
                Reverse(b.gmv.minor),
                Reverse(b.uv),
                &b.product,
            ))
        });
        Ok(Products { products, by_uv, by_gmv })
    }

    fn category_of(&self, product: &str, at: Timestamp) -> Option<String> {
        let category = self.categories.at(self.names.known(product)?, at, at)?;
        Some(self.name(category).to_owned())
    }
}

impl Pareto {
    fn of(mut all: Vec<i128>) -> Self {
        all.sort_unstable_by_key(|one| Reverse(*one));
        let first = all.len().div_ceil(5);
        Self {
            products: all.len() as u64,
            first: first as u64,
            of_first: all[..first].iter().sum(),
            of_all: all.iter().sum(),
        }
    }
}
