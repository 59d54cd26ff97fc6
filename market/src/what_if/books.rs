//! Two sets of books beside each other: as they were written, and as they would be.

use std::collections::BTreeMap;

use ahash::RandomState;
use daybook_domain::posting::{Class, Entry};
use daybook_domain::{Currency, MerchantId, Refs};
use hashbrown::{Equivalent, HashMap};

/// A sum in both books, minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Both {
    pub(super) actual: i128,
    pub(super) what_if: i128,
}

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Actual,
    WhatIf,
    Both,
}

impl Both {
    pub(super) fn add(&mut self, which: Which, amount: i64) {
        let amount = i128::from(amount);
        if which != Which::WhatIf {
            self.actual += amount;
        }
        if which != Which::Actual {
            self.what_if += amount;
        }
    }
}

/// An account, without its dimension where that is an order, a checkout or a merchant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Named {
    pub(super) class: Class,
    pub(super) name: &'static str,
    pub(super) currency: Currency,
    pub(super) dimension: String,
}

/// The same, to look one up by. Its fields stand in the order of [`Named`]'s, so that both hash alike.
#[derive(Hash)]
struct NamedRef<'a> {
    class: Class,
    name: &'static str,
    currency: Currency,
    dimension: &'a str,
}

impl Equivalent<Named> for NamedRef<'_> {
    fn equivalent(&self, key: &Named) -> bool {
        self.name == key.name
            && self.dimension == key.dimension
            && self.class == key.class
            && self.currency == key.currency
    }
}

/// What a merchant paid and is owed, positive in its usual direction.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OfMerchant {
    pub(super) commission: Both,
    pub(super) vat: Both,
    /// Platform and advertising fees, less what was waived; without VAT.
    pub(super) fees: Both,
    /// Pending, available, held, kept in reserve and on its way to the bank.
    pub(super) owed: Both,
}

/// The sums.
#[derive(Default)]
pub(super) struct Books {
    accounts: HashMap<Named, Both, RandomState>,
    pub(super) merchants: HashMap<(MerchantId, Currency), OfMerchant, RandomState>,
}

impl Books {
    /// Posts the entries of one event.
    pub(super) fn post(&mut self, which: Which, refs: &Refs, entries: &[Entry<'_>]) {
        for entry in entries {
            self.enter(which, refs, entry);
        }
    }

    fn enter(&mut self, which: Which, refs: &Refs, entry: &Entry<'_>) {
        let (account, amount) = (&entry.account, entry.amount);
        let result = matches!(account.class, Class::Income | Class::Expenses);
        let dimension = if result { account.dimension } else { "" };
        let key = NamedRef { class: account.class, name: account.name, currency: amount.currency, dimension };
        match self.accounts.get_mut(&key) {
            Some(sum) => sum.add(which, amount.minor),
            None => {
                let NamedRef { class, name, currency, dimension } = key;
                let key = Named { class, name, currency, dimension: dimension.to_owned() };
                self.accounts.entry(key).or_default().add(which, amount.minor);
            }
        }
        let of = match (account.class, account.name) {
            (Class::Income, "Commission" | "PlatformFee" | "Advertising" | "FeeWaived")
            | (Class::Liabilities, "OutputTax") => refs.merchant,
            (
                Class::Liabilities,
                "MerchantPending" | "MerchantAvailable" | "MerchantHeld" | "MerchantReserve"
                | "PayoutInTransit",
            ) => account.dimension.parse().ok(),
            _ => None,
        };
        let Some(merchant) = of else { return };
        let of = self.merchants.entry((merchant, amount.currency)).or_default();
        let sum = match account.name {
            "Commission" => &mut of.commission,
            "OutputTax" => &mut of.vat,
            "PlatformFee" | "Advertising" | "FeeWaived" => &mut of.fees,
            _ => &mut of.owed,
        };
        sum.add(which, amount.minor.saturating_neg());
    }

    /// The sums by account, in the order of the accounts.
    pub(super) fn accounts(&self) -> BTreeMap<&Named, Both> {
        self.accounts.iter().map(|(account, sum)| (account, *sum)).collect()
    }
}
