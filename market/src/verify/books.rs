//! The books, posted again from the first event: invariants 1 (sums, sides), 5 and 6 (never negative).

use ahash::RandomState;
use daybook_domain::checkout::events::UnallocatedReason;
use daybook_domain::posting::{Account, Class, Entry};
use daybook_domain::{Currency, Event, Money, Timestamp};
use daybook_journal::Recorded;
use hashbrown::{Equivalent, HashMap};

use super::report::{Check, Open, Report};

/// An account in one currency, owned.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    class: Class,
    name: &'static str,
    dimension: Box<str>,
    currency: Currency,
}

/// The same, borrowed.
#[derive(Hash)]
struct KeyRef<'a> {
    class: Class,
    name: &'static str,
    dimension: &'a str,
    currency: Currency,
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.name == key.name
            && *self.dimension == *key.dimension
            && self.class == key.class
            && self.currency == key.currency
    }
}

/// A balance and since when it is not zero.
#[derive(Clone, Copy, Debug, Default)]
struct Balance {
    /// Minor units, positive debit.
    minor: i64,
    /// Business time of the event that took it away from zero.
    since: i64,
    /// Reported as wrong once already.
    told: bool,
}

/// Every account's balance.
pub struct Books {
    accounts: HashMap<Key, Balance, RandomState>,
    /// Why the last money of a checkout stands without an order.
    reasons: HashMap<Box<str>, UnallocatedReason, RandomState>,
    sums: Check,
    sides: Check,
    money: Check,
    owed: Check,
}

impl Default for Books {
    fn default() -> Self {
        Self {
            accounts: HashMap::default(),
            reasons: HashMap::default(),
            sums: Check::new(1, "the entries of every event sum to zero in each currency", "postings"),
            sides: Check::new(1, "no account ever stands on its wrong side", "entries"),
            money: Check::new(
                5,
                "deposit, frozen, available, held, reserve and in transit are never negative",
                "entries",
            ),
            owed: Check::new(
                6,
                "refunds and checkouts are never negative, and what is open is listed",
                "entries",
            ),
        }
    }
}

/// Accounts of invariant 5.
const NEVER_NEGATIVE: &[&str] =
    &["Deposit", "DepositFrozen", "MerchantAvailable", "MerchantHeld", "MerchantReserve", "PayoutInTransit"];

/// Accounts of invariant 6.
const LISTED_WHILE_OPEN: &[&str] = &["Refunds", "Checkout"];

impl Books {
    /// Posts one event and looks at each account it touched.
    pub fn post(&mut self, recorded: &Recorded<'_>, event: &Event, entries: &[Entry<'_>]) {
        if let Event::MoneyUnallocated(e) = event
            && e.amount.minor > 0
            && let Some((_, checkout)) = recorded.stream.split_once('-')
        {
            self.reasons.insert(checkout.into(), e.reason);
        }
        if !event.kind().posts() {
            if !entries.is_empty() {
                let what = format!("{} posts, but is not registered as money", recorded.kind);
                self.sums.violate(place(recorded), what);
            }
            return;
        }
        let wrong = unbalanced(entries);
        self.sums.look(|| place(recorded), wrong);
        for entry in entries {
            self.enter(recorded, entry);
        }
    }

    fn enter(&mut self, recorded: &Recorded<'_>, entry: &Entry<'_>) {
        let Account { class, name, dimension } = entry.account;
        let currency = entry.amount.currency;
        let key = KeyRef { class, name, dimension, currency };
        let balance = match self.accounts.get_mut(&key) {
            Some(balance) => balance,
            None => {
                self.accounts.entry(Key { class, name, dimension: dimension.into(), currency }).or_default()
            }
        };
        if balance.minor == 0 {
            balance.since = recorded.occurred_at;
        }
        let check = match class {
            Class::Liabilities if NEVER_NEGATIVE.contains(&name) => &mut self.money,
            Class::Liabilities if LISTED_WHILE_OPEN.contains(&name) => &mut self.owed,
            _ => &mut self.sides,
        };
        check.checked += 1;
        let Some(sum) = balance.minor.checked_add(entry.amount.minor) else {
            check.violate(entry.account.to_string(), format!("overflows at {}", place(recorded)));
            return;
        };
        balance.minor = sum;
        if entry.account.on_wrong_side(sum) && !balance.told {
            balance.told = true;
            let amount = Money::new(sum, currency);
            check.violate(entry.account.to_string(), format!("stands at {amount} after {}", place(recorded)));
        }
        if dimension.is_empty() && entry.account.chart_line().is_some_and(|l| l.dimension.is_some()) {
            check.violate(place(recorded), format!("{} is posted without its dimension", entry.account));
        }
    }

    /// Balance of a liability in minor units, positive when it is owed.
    pub fn owed(&self, name: &'static str, dimension: &str, currency: Currency) -> i64 {
        let key = KeyRef { class: Class::Liabilities, name, dimension, currency };
        self.accounts.get(&key).map_or(0, |balance| -balance.minor)
    }

    /// Balances of one liability account over all of its dimensions: dimension, currency, minor units owed.
    pub fn owed_by_dimension(&self, name: &str) -> Vec<(&str, Currency, i64)> {
        let mut all: Vec<_> = self
            .accounts
            .iter()
            .filter(|(key, _)| key.class == Class::Liabilities && key.name == name)
            .map(|(key, balance)| (&*key.dimension, key.currency, -balance.minor))
            .collect();
        all.sort_unstable();
        all
    }

    /// The balance of every account: class, name, currency, minor units with debits positive.
    pub fn balances(&self) -> impl Iterator<Item = (Class, &'static str, Currency, i64)> {
        self.accounts.iter().map(|(key, balance)| (key.class, key.name, key.currency, balance.minor))
    }

    /// Closes the checks of the books as a whole.
    pub fn check(&mut self, report: &mut Report) {
        let mut whole = Check::new(1, "the books as a whole sum to zero in each currency", "currencies");
        let mut totals: std::collections::BTreeMap<Currency, i128> = std::collections::BTreeMap::new();
        for (key, balance) in &self.accounts {
            *totals.entry(key.currency).or_default() += i128::from(balance.minor);
        }
        for (currency, total) in totals {
            let wrong = (total != 0).then(|| format!("all accounts together are {total} minor units"));
            whole.look(|| currency.to_string(), wrong);
        }
        for name in LISTED_WHILE_OPEN {
            self.list_open(name);
        }
        report.add(std::mem::replace(&mut self.sums, Check::new(1, "", "")));
        report.add(whole);
        report.add(std::mem::replace(&mut self.sides, Check::new(1, "", "")));
        report.add(std::mem::replace(&mut self.money, Check::new(5, "", "")));
        report.add(std::mem::replace(&mut self.owed, Check::new(6, "", "")));
    }

    /// Lists what is open on an account, the oldest first.
    fn list_open(&mut self, name: &'static str) {
        let Self { accounts, reasons, owed, .. } = self;
        let reason = |dimension: &str| match (name, reasons.get(dimension)) {
            ("Checkout", Some(reason)) => reason.as_str(),
            ("Checkout", None) => "waiting_for_the_rest",
            _ => "not_paid_yet",
        };
        let found = accounts.iter().filter(|(key, balance)| {
            key.class == Class::Liabilities && key.name == name && balance.minor != 0
        });
        let mut open: Vec<Open> = found
            .map(|(key, balance)| Open {
                account: format!("{name}:{}", key.dimension),
                amount: Money::new(-balance.minor, key.currency),
                since: Timestamp(balance.since),
                reason: reason(&key.dimension),
            })
            .collect();
        open.sort_unstable_by(|a, b| (a.since, &a.account).cmp(&(b.since, &b.account)));
        owed.open.append(&mut open);
    }
}

/// What is wrong with entries that do not sum to zero.
fn unbalanced(entries: &[Entry<'_>]) -> Option<String> {
    let mut left: Vec<(Currency, i128)> = Vec::with_capacity(2);
    for entry in entries {
        let amount = i128::from(entry.amount.minor);
        match left.iter_mut().find(|(currency, _)| *currency == entry.amount.currency) {
            Some((_, sum)) => *sum += amount,
            None => left.push((entry.amount.currency, amount)),
        }
    }
    let (currency, sum) = left.into_iter().find(|(_, sum)| *sum != 0)?;
    Some(format!("the entries leave {sum} minor units of {currency}"))
}

/// Names an event in a finding.
pub fn place(recorded: &Recorded<'_>) -> String {
    format!("{} at position {} ({})", recorded.kind, recorded.position, recorded.stream)
}
