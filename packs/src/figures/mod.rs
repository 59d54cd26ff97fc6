//! The figures: one function of the lines, for whoever issues a pack and whoever checks it.

mod concentration;
mod corroboration;
pub(crate) mod course;
mod liquidity;
mod months;
mod patterns;
mod rates;
mod scope;
mod traffic;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::definitions::DEFINITIONS_VERSION;
use crate::{Facts, PackError};
pub use months::OPENING;
use scope::Scope;

/// A figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// Its definition.
    pub id: &'static str,
    /// What it comes to, as a decimal text; none where there is nothing to divide by, or too little to say.
    pub value: Option<String>,
}

/// Figures in rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Series {
    /// Its name.
    pub id: &'static str,
    /// The definitions of its columns.
    pub columns: Vec<&'static str>,
    /// Rows, each as long as the columns.
    pub rows: Vec<Vec<Option<String>>>,
}

/// All figures of a pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// The version of the definitions.
    pub definitions: u32,
    /// The currency of the amounts.
    pub currency: String,
    /// The first day.
    pub from: String,
    /// The last.
    pub to: String,
    /// Over all of it.
    pub figures: Vec<Figure>,
    /// By month, and by what it rests on.
    pub tables: Vec<Series>,
}

impl Figures {
    /// Makes them of the lines.
    ///
    /// # Errors
    /// [`PackError`] where the lines do not belong together, or a sum is beyond what can be reckoned in.
    pub fn of(facts: &Facts) -> Result<Self, PackError> {
        Self::of_scope(&Scope::of(facts)?)
    }

    /// The figures, and the grade of each order as CSV.
    pub(crate) fn with_grades(facts: &Facts) -> Result<(Self, Vec<u8>), PackError> {
        let scope = Scope::of(facts)?;
        Ok((Self::of_scope(&scope)?, corroboration::grades(&scope)?))
    }

    fn of_scope(scope: &Scope<'_>) -> Result<Self, PackError> {
        let facts = scope.facts;
        let mut out = Out::default();
        let months = months::Months::of(scope)?;
        out.figure("measured.from", (scope.began <= scope.to).then(|| scope.began.to_string()));
        out.count("measured.days", scope.measured());
        months.tell(scope, &mut out);
        rates::tell(scope, &months, &mut out);
        traffic::tell(scope, &mut out);
        concentration::tell(scope, &mut out);
        course::tell(scope, &months, &mut out);
        liquidity::tell(scope, &months, &mut out)?;
        corroboration::tell(scope, &mut out);
        patterns::tell(scope, &mut out);
        elsewhere(facts, &mut out);
        Ok(Self {
            definitions: DEFINITIONS_VERSION,
            currency: facts.subject.currency.as_str().to_owned(),
            from: facts.subject.from.to_string(),
            to: facts.subject.to.to_string(),
            figures: out.figures,
            tables: out.tables,
        })
    }

    /// A figure by its id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&str> {
        self.figures.iter().find(|figure| figure.id == id)?.value.as_deref()
    }

    /// A table by its id.
    #[must_use]
    pub fn table(&self, id: &str) -> Option<&Series> {
        self.tables.iter().find(|table| table.id == id)
    }

    /// As the pack has them.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("invariant: figures are plain data");
        bytes.push(b'\n');
        bytes
    }
}

/// The grade of each order, as CSV.
///
/// # Errors
/// As [`Figures::of`].
pub fn grades(facts: &Facts) -> Result<Vec<u8>, PackError> {
    corroboration::grades(&Scope::of(facts)?)
}

/// What is told so far.
#[derive(Default)]
pub(crate) struct Out {
    pub figures: Vec<Figure>,
    pub tables: Vec<Series>,
}

impl Out {
    pub fn figure(&mut self, id: &'static str, value: impl Into<Option<String>>) {
        self.figures.push(Figure { id, value: value.into() });
    }

    pub fn count(&mut self, id: &'static str, count: usize) {
        self.figure(id, count.to_string());
    }
}

/// What the merchant did in other currencies, as it is told.
fn elsewhere(facts: &Facts, out: &mut Out) {
    let rows = facts.elsewhere.iter().map(|of| {
        let amounts = [of.paid, of.refunded, of.disputes, of.chargebacks, of.balance, of.deposit];
        let first = [of.currency.as_str().to_owned(), of.orders.to_string()];
        first.into_iter().chain(amounts.map(|amount| amount.to_string())).map(Some).collect()
    });
    let columns = vec![
        "elsewhere.currency",
        "orders.paid",
        "elsewhere.paid",
        "elsewhere.refunded",
        "elsewhere.disputes",
        "elsewhere.chargebacks",
        "elsewhere.balance",
        "elsewhere.deposit",
    ];
    let rows = rows.collect();
    out.tables.push(Series { id: "currencies", columns, rows });
}

/// Amounts by name, largest first, then by name.
pub(crate) fn ranked<K: Ord + Copy>(amounts: &BTreeMap<K, i128>) -> Vec<(K, i128)> {
    let mut all: Vec<(K, i128)> = amounts.iter().map(|(name, amount)| (*name, *amount)).collect();
    all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    all
}
