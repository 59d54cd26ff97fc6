//! What adds up, by month and in all.

use std::collections::{BTreeMap, BTreeSet};

use daybook_domain::posting::CHART;

use crate::PackError;
use crate::market::facts::{MarketFacts, Month, Size, Traffic};

/// Disputes, or chargebacks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cases {
    pub opened: u64,
    pub opened_amount: i128,
    pub closed: u64,
    pub for_buyer: u64,
    pub for_merchant: u64,
    pub split: u64,
    pub lost_amount: i128,
    /// To the end.
    pub open: i128,
    pub open_amount: i128,
}

/// What a month, or all of it, comes to. Amounts are minor units.
#[derive(Clone, Debug, Default)]
pub struct Sums<'f> {
    pub placed: u64,
    pub paid_orders: u64,
    pub buyers: u64,
    pub new_buyers: u64,
    pub gmv: i128,
    pub added: i128,
    pub refunded: i128,
    pub refunded_of_orders: i128,
    pub recorded: Option<&'f Traffic>,
    pub reported: Option<&'f Traffic>,
    pub opened: usize,
    pub left: usize,
    pub first_sales: usize,
    /// Merchants with an order paid.
    pub active: BTreeSet<u32>,
    /// Of those active in the month before: how many, and how many in this one, too.
    pub kept: (i128, i128),
    /// By account: what it came to.
    pub books: BTreeMap<&'f str, i128>,
    /// At the end.
    pub there: usize,
    pub owed: i128,
    pub receivable: i128,
    pub deposits: i128,
    pub clients: i128,
    pub held: i128,
    pub disputes: Cases,
    pub chargebacks: Cases,
    pub size: Option<&'f Size>,
}

impl Sums<'_> {
    pub fn net(&self) -> i128 {
        self.gmv - self.refunded
    }

    /// Over accounts of a class: debits less credits.
    pub fn booked(&self, class: &str, named: impl Fn(&str) -> bool) -> i128 {
        let of = |account: &&str| account.split_once(':').is_some_and(|(c, name)| c == class && named(name));
        self.books.iter().filter(|(account, _)| of(account)).map(|(_, change)| change).sum()
    }

    pub fn income(&self, names: &[&str]) -> i128 {
        -self.booked("Income", |name| names.contains(&name))
    }

    pub fn cost(&self, names: &[&str]) -> i128 {
        self.booked("Expenses", |name| names.contains(&name))
    }
}

/// The months of a pack.
pub struct Months<'f> {
    pub facts: &'f MarketFacts,
    pub names: Vec<Month>,
    pub months: Vec<Sums<'f>>,
    pub all: Sums<'f>,
}

/// Of the liabilities to clients, those to buyers.
const BUYERS: [&str; 4] = ["Checkout", "Escrow", "Refunds", "StoredValue"];

impl<'f> Months<'f> {
    pub fn of(facts: &'f MarketFacts) -> Result<Self, PackError> {
        let names: Vec<Month> = facts.subject.months().collect();
        let months = vec![Sums::default(); names.len()];
        let mut of = Self { facts, names, months, all: Sums::default() };
        of.sales()?;
        of.people()?;
        of.traffic()?;
        of.books()?;
        of.cases()?;
        for size in &facts.sizes {
            let at = of.at("market-size.csv", size.month)?;
            of.months[at].size = Some(size);
        }
        Ok(of)
    }

    /// The place of a month.
    fn at(&self, file: &str, month: Month) -> Result<usize, PackError> {
        let at = self.names.first().and_then(|first| usize::try_from(month.since(*first)).ok());
        at.filter(|at| *at < self.names.len())
            .ok_or_else(|| PackError::malformed(file, format!("{month} is no month of the pack")))
    }

    fn sales(&mut self) -> Result<(), PackError> {
        for row in &self.facts.sales {
            let at = self.at("sales.csv", row.month)?;
            for sums in [&mut self.months[at], &mut self.all] {
                sums.placed = sums.placed.saturating_add(row.placed);
                sums.paid_orders = sums.paid_orders.saturating_add(row.paid_orders);
                sums.gmv += i128::from(row.paid.0);
                sums.added += i128::from(row.subsidy.0) + i128::from(row.shortfall.0);
                sums.refunded += i128::from(row.refunded.0);
                sums.refunded_of_orders += i128::from(row.refunded_of_orders.0);
                if row.paid_orders > 0 {
                    sums.active.insert(row.merchant);
                }
            }
        }
        for row in self.facts.owed.iter() {
            let Some(month) = row.month else { continue };
            let at = self.at("owed.csv", month)?;
            let sums = &mut self.months[at];
            (sums.owed, sums.receivable) = (row.merchants.0.into(), row.receivable.0.into());
            sums.deposits = row.deposits.0.into();
        }
        // a month that is not over would have lost whoever sells later in it
        let full = |at: usize| self.facts.subject.full(self.names[at]);
        for at in (1..self.months.len()).filter(|at| full(at - 1) && full(*at)) {
            let before = &self.months[at - 1].active;
            let stayed = before.intersection(&self.months[at].active).count() as i128;
            let kept = (before.len() as i128, stayed);
            self.months[at].kept = kept;
            self.all.kept.0 += kept.0;
            self.all.kept.1 += kept.1;
        }
        Ok(())
    }

    fn people(&mut self) -> Result<(), PackError> {
        for row in &self.facts.buyers {
            let at = self.at("buyers.csv", row.month)?;
            let new = if row.cohort == row.month { row.buyers } else { 0 };
            let month = &mut self.months[at];
            month.buyers = month.buyers.saturating_add(row.buyers);
            month.new_buyers = month.new_buyers.saturating_add(new);
            self.all.buyers = self.all.buyers.saturating_add(row.first_here);
            self.all.new_buyers = self.all.new_buyers.saturating_add(new);
        }
        let Some((first, last)) = self.names.first().copied().zip(self.names.last().copied()) else {
            return Ok(());
        };
        // by how many more are there at the end of a month than at that of the one before
        let mut changes = vec![0i64; self.names.len()];
        for member in &self.facts.members {
            let within = |month: Option<Month>| {
                month
                    .filter(|month| first <= *month && *month <= last)
                    .map(|month| month.since(first) as usize)
            };
            let counts: [(_, fn(&mut Sums<'f>)); 3] = [
                (member.opened, |sums| sums.opened += 1),
                (member.left, |sums| sums.left += 1),
                (member.first_sale, |sums| sums.first_sales += 1),
            ];
            for (month, count) in counts {
                if let Some(at) = within(month) {
                    count(&mut self.months[at]);
                    count(&mut self.all);
                }
            }
            for (month, by) in [(member.opened, 1), (member.left, -1)] {
                if let Some(month) = month.filter(|month| *month <= last) {
                    changes[within(Some(month)).unwrap_or_default()] += by;
                }
            }
        }
        let mut there = 0i64;
        for (sums, change) in self.months.iter_mut().zip(changes) {
            there += change;
            sums.there = usize::try_from(there).unwrap_or_default();
        }
        self.all.there = self.months.last().map_or(0, |last| last.there);
        Ok(())
    }

    fn traffic(&mut self) -> Result<(), PackError> {
        for row in self.facts.traffic.iter().filter(|row| row.channel.is_none()) {
            let sums = match row.month {
                Some(month) => {
                    let at = self.at("traffic.csv", month)?;
                    &mut self.months[at]
                }
                None => &mut self.all,
            };
            let place = if row.counted == "reported" { &mut sums.reported } else { &mut sums.recorded };
            *place = Some(row);
        }
        Ok(())
    }

    fn books(&mut self) -> Result<(), PackError> {
        let clients = |account: &str| {
            let (class, name) = account.split_once(':')?;
            let line = CHART.iter().find(|line| line.class.as_str() == class && line.name == name)?;
            line.clients.then(|| (class == "Assets", BUYERS.iter().position(|buyers| *buyers == name)))
        };
        let mut held = vec![0i128; self.names.len()];
        // by account: what drawn without its sale would be owed by its buyers is nobody else's
        let mut buyers =
            [const { Vec::new() }; BUYERS.len()].map(|_: Vec<i128>| vec![0i128; self.names.len()]);
        for row in &self.facts.books {
            let at = row.month.map(|month| self.at("books.csv", month)).transpose()?;
            let change = i128::from(row.change.0);
            match clients(&row.account) {
                Some((true, _)) => held[at.unwrap_or_default()] += change,
                Some((false, Some(of))) => buyers[of][at.unwrap_or_default()] -= change,
                _ => {}
            }
            let Some(at) = at else { continue };
            for sums in [&mut self.months[at], &mut self.all] {
                *sums.books.entry(&row.account).or_default() += change;
            }
        }
        let (mut has, mut owes) = (0, [0i128; BUYERS.len()]);
        for (at, sums) in self.months.iter_mut().enumerate() {
            has += held[at];
            owes.iter_mut().zip(&buyers).for_each(|(owes, change)| *owes += change[at]);
            (sums.held, sums.clients) = (has, owes.iter().map(|owes| (*owes).max(0)).sum());
            sums.receivable += owes.iter().map(|owes| (-*owes).max(0)).sum::<i128>();
        }
        if let Some(last) = self.months.last() {
            let all = &mut self.all;
            (all.held, all.clients, all.deposits) = (last.held, last.clients, last.deposits);
            (all.owed, all.receivable) = (last.owed, last.receivable);
        }
        Ok(())
    }

    fn cases(&mut self) -> Result<(), PackError> {
        let mut changes: [Vec<(i128, i128)>; 2] = std::array::from_fn(|_| vec![(0, 0); self.names.len()]);
        for row in &self.facts.cases {
            let at = row.month.map(|month| self.at("cases.csv", month)).transpose()?;
            let chargeback = row.kind == "chargeback";
            let (count, claims) = &mut changes[usize::from(chargeback)][at.unwrap_or_default()];
            *count += i128::from(row.opened) - i128::from(row.closed);
            *claims += i128::from(row.claimed.0) - i128::from(row.closed_claims.0);
            let Some(at) = at else { continue };
            for sums in [&mut self.months[at], &mut self.all] {
                let cases = if chargeback { &mut sums.chargebacks } else { &mut sums.disputes };
                cases.opened = cases.opened.saturating_add(row.opened);
                cases.opened_amount += i128::from(row.claimed.0);
                cases.closed = cases.closed.saturating_add(row.closed);
                cases.for_buyer = cases.for_buyer.saturating_add(row.for_buyer);
                cases.for_merchant = cases.for_merchant.saturating_add(row.for_merchant);
                cases.split = cases.split.saturating_add(row.split);
                cases.lost_amount += i128::from(row.lost.0);
            }
        }
        for (chargeback, changes) in [false, true].into_iter().zip(changes) {
            let (mut open, mut amount) = (0, 0);
            let of = |sums: &mut Sums<'f>, (open, amount)| {
                let cases = if chargeback { &mut sums.chargebacks } else { &mut sums.disputes };
                (cases.open, cases.open_amount) = (open, amount);
            };
            for (sums, (count, claims)) in self.months.iter_mut().zip(changes) {
                open += count;
                amount += claims;
                of(sums, (open, amount));
            }
            of(&mut self.all, (open, amount));
        }
        Ok(())
    }
}
