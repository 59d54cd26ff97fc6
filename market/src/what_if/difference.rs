//! What comes out: sums of both books beside each other.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use daybook_domain::deposit::events::DepositRequired;
use daybook_domain::posting::Class;
use daybook_domain::{Aggregate, Currency, MerchantId, Money, MoneyError, Timestamp};
use daybook_journal::Position;

use super::books::{Both, OfMerchant};
use super::pass::Pass;
use super::timing::{self, Timing};
use super::{WhatIfError, fees};

/// A figure as it is and as it would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// As the journal has it.
    pub actual: Money,
    /// Under the rules asked about.
    pub what_if: Money,
}

impl Figure {
    fn of(both: Both, currency: Currency) -> Result<Self, WhatIfError> {
        let money = |sum: i128| {
            let minor =
                i64::try_from(sum).map_err(|_| WhatIfError::Refused(MoneyError::Overflow.to_string()));
            minor.map(|minor| Money::new(minor, currency))
        };
        Ok(Self { actual: money(both.actual)?, what_if: money(both.what_if)? })
    }

    /// By how much it would be more; below zero, less.
    #[must_use]
    pub fn difference(&self) -> Money {
        Money::new(self.what_if.minor.saturating_sub(self.actual.minor), self.actual.currency)
    }

    /// Whether it would be another.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.actual != self.what_if
    }
}

/// An account of the books; those of orders, checkouts and merchants added up by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountDifference {
    /// Its class.
    pub class: Class,
    /// Its name.
    pub name: &'static str,
    /// Of what the market earned and spent: the category, campaign or provider; else empty.
    pub dimension: String,
    /// Its balance. Of income and expenses what it brings to the result: income positive, expenses negative; else
    /// debits positive.
    pub balance: Figure,
}

impl AccountDifference {
    /// Whether it belongs to profit and loss.
    #[must_use]
    pub const fn of_result(&self) -> bool {
        matches!(self.class, Class::Income | Class::Expenses)
    }
}

/// A merchant in one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerchantDifference {
    /// Which.
    pub merchant: MerchantId,
    /// Commission, net of what was reversed, without VAT.
    pub commission: Figure,
    /// VAT on all of the market's fees.
    pub vat: Figure,
    /// Platform and advertising fees, less what was waived, without VAT.
    pub fees: Figure,
    /// What the market owes it: pending, available, held, in reserve, on its way to the bank.
    pub owed: Figure,
    /// What its deposit should be, where deposits are asked about.
    pub deposit_required: Option<Figure>,
    /// What is missing of it, with what is there in fact.
    pub deposit_missing: Option<Figure>,
    /// When its money is settled and paid out, by its contract and by the one asked about; where cycles are asked about and
    /// change its contract.
    pub timing: Option<(Timing, Timing)>,
}

impl MerchantDifference {
    /// Its amounts by name, in the order in which they are shown.
    #[must_use]
    pub fn figures(&self) -> Vec<(&'static str, Figure)> {
        let mut all = vec![
            ("commission", self.commission),
            ("vat_on_fees", self.vat),
            ("fees", self.fees),
            ("owed", self.owed),
        ];
        all.extend(self.deposit_required.map(|figure| ("deposit_required", figure)));
        all.extend(self.deposit_missing.map(|figure| ("deposit_missing", figure)));
        if let Some((actual, what_if)) = self.timing {
            let figure = |of: fn(Timing) -> Money| Figure { actual: of(actual), what_if: of(what_if) };
            all.push(("paid_out_by_contract", figure(|t| t.paid_out)));
            all.push(("unsettled_by_contract", figure(|t| t.unsettled)));
        }
        all
    }

    /// Whether anything of it would be another.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.figures().iter().any(|(_, figure)| figure.differs())
            || self.timing.is_some_and(|(actual, what_if)| actual != what_if)
    }
}

/// What would have been, beside what was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The journal was read through this position.
    pub through: Position,
    /// Events that were looked at.
    pub events: u64,
    /// Orders that would have been placed under other terms.
    pub orders: u64,
    /// Events that would have posted other amounts.
    pub restated: u64,
    /// The business day of the last event that counts.
    pub day: NaiveDate,
    /// Every account that holds anything, in order.
    pub accounts: Vec<AccountDifference>,
    /// Every merchant, in order.
    pub merchants: Vec<MerchantDifference>,
}

impl Difference {
    /// Whether nothing would be another.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changed_accounts().next().is_none() && self.changed_merchants().next().is_none()
    }

    /// The accounts that would be others.
    pub fn changed_accounts(&self) -> impl Iterator<Item = &AccountDifference> {
        self.accounts.iter().filter(|account| account.balance.differs())
    }

    /// The merchants for whom something would be another.
    pub fn changed_merchants(&self) -> impl Iterator<Item = &MerchantDifference> {
        self.merchants.iter().filter(|merchant| merchant.differs())
    }

    /// What the market earned less what it spent, by currency.
    ///
    /// # Errors
    /// [`WhatIfError::Refused`] for a sum beyond 64 bits.
    pub fn results(&self) -> Result<Vec<Figure>, WhatIfError> {
        let mut sums: BTreeMap<Currency, Both> = BTreeMap::new();
        for account in self.accounts.iter().filter(|account| account.of_result()) {
            let sum = sums.entry(account.balance.actual.currency).or_default();
            sum.actual += i128::from(account.balance.actual.minor);
            sum.what_if += i128::from(account.balance.what_if.minor);
        }
        sums.into_iter().map(|(currency, both)| Figure::of(both, currency)).collect()
    }

    pub(super) fn of(pass: Pass<'_>) -> Result<Self, WhatIfError> {
        let (through, events, orders, restated) = pass.came();
        let mut accounts = Vec::new();
        for (account, both) in pass.books.accounts() {
            let result = matches!(account.class, Class::Income | Class::Expenses);
            let both = if result { Both { actual: -both.actual, what_if: -both.what_if } } else { both };
            accounts.push(AccountDifference {
                class: account.class,
                name: account.name,
                dimension: account.dimension.clone(),
                balance: Figure::of(both, account.currency)?,
            });
        }
        accounts.sort_by(|a, b| {
            let key = |of: &AccountDifference| (of.class, of.name, of.balance.actual.currency);
            key(a).cmp(&key(b)).then_with(|| a.dimension.cmp(&b.dimension))
        });
        let mut ids: BTreeSet<(MerchantId, Currency)> = pass.books.merchants.keys().copied().collect();
        ids.extend(pass.known.iter().filter_map(|(id, k)| Some((*id, k.merchant.settlement_currency()?))));
        let merchants = ids.into_iter().map(|id| merchant(&pass, id)).collect::<Result<_, _>>()?;
        Ok(Self { through, events, orders, restated, day: pass.today(), accounts, merchants })
    }
}

fn merchant(
    pass: &Pass<'_>,
    (id, currency): (MerchantId, Currency),
) -> Result<MerchantDifference, WhatIfError> {
    let sums = pass.books.merchants.get(&(id, currency)).copied();
    let OfMerchant { commission, vat, fees, owed } = sums.unwrap_or_default();
    let mut of = MerchantDifference {
        merchant: id,
        commission: Figure::of(commission, currency)?,
        vat: Figure::of(vat, currency)?,
        fees: Figure::of(fees, currency)?,
        owed: Figure::of(owed, currency)?,
        deposit_required: None,
        deposit_missing: None,
        timing: None,
    };
    let Some(known) = pass.known.get(&id) else { return Ok(of) };
    if let Some(required) = pass.rules.deposit_of(id).filter(|required| required.currency == currency) {
        let mut asked = known.deposit.clone();
        asked.evolve(&DepositRequired { amount: required }.into(), Timestamp(pass.last.0));
        let zero = Money::zero(currency);
        let figure = |actual: Option<Money>, what_if: Option<Money>| Figure {
            actual: actual.unwrap_or(zero),
            what_if: what_if.unwrap_or(zero),
        };
        of.deposit_required = Some(figure(known.deposit.required(), asked.required()));
        of.deposit_missing = Some(figure(known.deposit.missing(), asked.missing()));
    }
    let booked = pass.days.as_ref().and_then(|days| days.of(id, currency));
    let asked = fees::contract(pass.rules, pass.calendar, id, &known.merchant);
    if let Some((booked, asked)) = booked.zip(asked) {
        let run = |contract, of: fn(&Both) -> i128| {
            let sum = |both: &Both| i64::try_from(of(both));
            let days = booked.iter().map(|(day, both)| Ok((*day, sum(both)?)));
            let days = days
                .collect::<Result<BTreeMap<_, _>, std::num::TryFromIntError>>()
                .map_err(|_| WhatIfError::Refused(MoneyError::Overflow.to_string()))?;
            timing::run(contract, (id, currency), &days, pass.calendar, pass.today())
        };
        of.timing = Some((run(&known.merchant, |b| b.actual)?, run(&asked, |b| b.what_if)?));
    }
    Ok(of)
}
