//! Double entry: accounts, entries, the chart they stand in and the one rule per event.
//!
//! [`post`] is the only place where an event becomes entries. It is a pure function of the event and its
//! references, so books can be derived again from the journal at any time. Every rule moves amounts from a
//! debit to a credit account, which is why the entries of an event sum to zero in each currency by
//! construction; the one exception, a voucher, is checked by its decider.

mod chart;
mod rules;

pub use chart::{AccountError, CHART, ChartLine, account_sides};
pub use rules::{POINTS_COUPONS, POSTING_RULES_VERSION, STORED_VALUE_PROVIDER, post};

use std::fmt;

use crate::Money;

/// Class of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// What the market holds: providers, banks, chargebacks under way.
    Assets,
    /// What it owes: buyers, merchants, tax offices.
    Liabilities,
    /// Its own funds.
    Equity,
    /// What it earns.
    Income,
    /// What it spends.
    Expenses,
}

impl Class {
    /// The word that an account's name begins with.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Assets => "Assets",
            Self::Liabilities => "Liabilities",
            Self::Equity => "Equity",
            Self::Income => "Income",
            Self::Expenses => "Expenses",
        }
    }
}

/// An account: `Class:Name[:dimension]`, one per currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account<'a> {
    /// Its class.
    pub class: Class,
    /// Its name within the class, e.g. `Escrow`.
    pub name: &'static str,
    /// Whose it is (an order, a merchant, a provider), or empty.
    pub dimension: &'a str,
}

impl fmt::Display for Account<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.class.as_str(), self.name)?;
        if self.dimension.is_empty() { Ok(()) } else { write!(f, ":{}", self.dimension) }
    }
}

/// A line of a posting: a debit where the amount is positive, a credit where it is negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The account.
    pub account: Account<'a>,
    /// Minor units; positive debit, negative credit.
    pub amount: Money,
}
