//! Sales, refunds and balances: by month and merchant, by day, by cohort of buyers, by account.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use daybook_domain::order::events::ChargebackOutcome;
use daybook_domain::posting::{Class, Entry};
use daybook_domain::{BuyerId, Currency, Event, MerchantId, Money, OrderId, Refs, Timestamp};
use daybook_packs::{Booked, Cohort, Day, Member, Minor, Month, Owed, PackError, Sales};
use sha2::{Digest as _, Sha256};

use super::Window;
use crate::loan_pack::LoanPackError;

/// Fast maps: their keys come from the journal, and a pack is drawn once.
type Map<K, V> = HashMap<K, V, ahash::RandomState>;

/// What is known of an order.
#[derive(Clone, Copy, Debug)]
struct Order {
    merchant: u32,
    /// When its payment was complete.
    paid_at: Option<Timestamp>,
}

/// When a merchant came, sold and left.
#[derive(Clone, Debug, Default)]
struct Known {
    opened: Option<Month>,
    left: Option<Month>,
    first_sale: Option<Timestamp>,
}

/// What a buyer bought in a month.
#[derive(Clone, Copy, Debug, Default)]
struct Bought {
    orders: u64,
    paid: i64,
}

/// What was sold and booked so far.
pub(super) struct Sold {
    window: Window,
    currency: Currency,
    /// Start of the first open period: what happened before is booked then.
    open_from: Option<Timestamp>,
    orders: Map<OrderId, Order>,
    numbers: Map<MerchantId, u32>,
    merchants: Vec<Known>,
    sales: Map<(Month, u32), Sales>,
    /// By merchant and month, the change of what it is owed, its deposit in it.
    owed: BTreeMap<(u32, Option<Month>), i128>,
    /// By month, the change of deposits.
    deposits: BTreeMap<Option<Month>, i128>,
    days: BTreeMap<NaiveDate, Day>,
    buyers: Map<BuyerId, u32>,
    /// When each buyer first paid.
    since: Vec<Timestamp>,
    bought: Map<(u32, Month), Bought>,
    books: BTreeMap<(Option<Month>, Class, &'static str), i64>,
    in_other_currencies: u64,
}

/// What the pack has of it.
pub(super) struct Drawn {
    pub members: Vec<Member>,
    pub sales: Vec<Sales>,
    pub owed: Vec<Owed>,
    pub days: Vec<Day>,
    pub buyers: Vec<Cohort>,
    pub books: Vec<Booked>,
    pub in_other_currencies: u64,
}

impl Sold {
    pub(super) fn new(window: Window, currency: Currency) -> Self {
        Self {
            window,
            currency,
            open_from: None,
            orders: Map::default(),
            numbers: Map::default(),
            merchants: Vec::new(),
            sales: Map::default(),
            owed: BTreeMap::new(),
            deposits: BTreeMap::new(),
            days: BTreeMap::new(),
            buyers: Map::default(),
            since: Vec::new(),
            bought: Map::default(),
            books: BTreeMap::new(),
            in_other_currencies: 0,
        }
    }

    /// Takes in what an event posts, by when it is booked.
    pub(super) fn book(
        &mut self,
        event: &Event,
        at: Timestamp,
        entries: &[Entry<'_>],
    ) -> Result<(), LoanPackError> {
        match event {
            Event::PeriodClosed(e) => self.open_from = self.open_from.max(Some(e.until)),
            Event::PeriodReopened(e) => self.open_from = e.closed_until,
            _ => {}
        }
        let booked_at = self.open_from.map_or(at, |from| from.max(at));
        if booked_at > self.window.to {
            return Ok(());
        }
        let month = self.window.month(booked_at);
        let currency = self.currency;
        for entry in entries.iter().filter(|entry| entry.amount.currency == currency) {
            let sum = self.books.entry((month, entry.account.class, entry.account.name)).or_default();
            *sum = sum.checked_add(entry.amount.minor).ok_or_else(overflow)?;
            let deposit = match entry.account.name {
                "MerchantPending" | "MerchantAvailable" | "MerchantHeld" | "MerchantReserve"
                | "PayoutInTransit" => false,
                "Deposit" | "DepositFrozen" => true,
                _ => continue,
            };
            let merchant = MerchantId::new(entry.account.dimension)
                .map_err(|why| PackError::malformed("the books", why))?;
            let number = self.number(merchant);
            // what is owed is a credit
            let change = -i128::from(entry.amount.minor);
            *self.owed.entry((number, month)).or_default() += change;
            *self.deposits.entry(month).or_default() += if deposit { change } else { 0 };
        }
        Ok(())
    }

    /// Takes in what happened by the last day.
    pub(super) fn see(&mut self, event: &Event, refs: &Refs, at: Timestamp) -> Result<(), LoanPackError> {
        let month = || Some(Month::of(self.window.calendar.day(at)));
        match event {
            Event::StoreOpened(_) | Event::MerchantImported(_) => {
                if let Some(merchant) = refs.merchant {
                    let (month, number) = (month(), self.number(merchant));
                    let known = &mut self.merchants[number as usize];
                    known.opened = known.opened.or(month);
                }
            }
            Event::MerchantTerminated(_) => {
                if let Some(merchant) = refs.merchant {
                    let (month, number) = (month(), self.number(merchant));
                    // who never opened does not leave
                    let known = &mut self.merchants[number as usize];
                    known.left = month.filter(|_| known.opened.is_some());
                }
            }
            Event::OrderPlaced(e) => {
                let Some(id) = refs.order else { return Ok(()) };
                let merchant = self.number(e.merchant);
                self.orders.insert(id, Order { merchant, paid_at: None });
                let month = self.window.month(at);
                if let Some(month) = month.filter(|_| e.total.currency == self.currency) {
                    self.row(month, merchant).placed += 1;
                    self.day(at).placed += 1;
                }
            }
            Event::EscrowFunded(e) => {
                let paid = sum(e.parts.iter().map(|part| part.amount))?;
                let subsidy = sum(e.subsidies.iter().map(|subsidy| subsidy.amount))?;
                self.fund(refs, at, [paid, subsidy, e.shortfall.minor], e.shortfall.currency)?;
            }
            Event::EscrowRefunded(e) => self.refund(refs, at, e.to_buyer)?,
            Event::RefundIssued(e) => self.refund(refs, at, e.to_buyer)?,
            Event::ChargebackClosed(e) if e.outcome == ChargebackOutcome::Lost => {
                if let Some(taken) = &e.from_escrow {
                    self.refund(refs, at, taken.to_buyer)?;
                }
                for share in &e.borne_by {
                    self.refund(refs, at, share.to_buyer)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn fund(
        &mut self,
        refs: &Refs,
        at: Timestamp,
        [paid, subsidy, shortfall]: [i64; 3],
        currency: Currency,
    ) -> Result<(), LoanPackError> {
        let Some(order) = refs.order.and_then(|order| self.orders.get_mut(&order)) else { return Ok(()) };
        let first = order.paid_at.is_none();
        let (merchant, at) = (order.merchant, *order.paid_at.get_or_insert(at));
        let within = self.window.has(at);
        if currency != self.currency {
            self.in_other_currencies += u64::from(first && within);
            return Ok(());
        }
        let known = &mut self.merchants[merchant as usize];
        known.first_sale = Some(known.first_sale.map_or(at, |since| since.min(at)));
        let buyer = refs.buyer.map(|buyer| {
            let next = u32::try_from(self.since.len()).unwrap_or(u32::MAX);
            let number = *self.buyers.entry(buyer).or_insert(next);
            if number == next {
                self.since.push(at);
            }
            let since = &mut self.since[number as usize];
            *since = (*since).min(at);
            number
        });
        let Some(month) = self.window.month(at) else { return Ok(()) };
        let row = self.row(month, merchant);
        row.paid_orders += u64::from(first);
        add(&mut row.paid, paid)?;
        add(&mut row.subsidy, subsidy)?;
        add(&mut row.shortfall, shortfall)?;
        let day = self.day(at);
        day.paid_orders += u64::from(first);
        add(&mut day.paid, paid)?;
        if let Some(buyer) = buyer {
            let bought = self.bought.entry((buyer, month)).or_default();
            bought.orders += u64::from(first);
            bought.paid = bought.paid.checked_add(paid).ok_or_else(overflow)?;
        }
        Ok(())
    }

    fn refund(&mut self, refs: &Refs, at: Timestamp, to_buyer: Money) -> Result<(), LoanPackError> {
        let Some(order) = refs.order.and_then(|order| self.orders.get(&order)).copied() else {
            return Ok(());
        };
        if to_buyer.currency != self.currency || to_buyer.is_zero() {
            return Ok(());
        }
        if let Some(month) = self.window.month(at) {
            add(&mut self.row(month, order.merchant).refunded, to_buyer.minor)?;
            add(&mut self.day(at).refunded, to_buyer.minor)?;
        }
        if let Some(month) = order.paid_at.and_then(|at| self.window.month(at)) {
            add(&mut self.row(month, order.merchant).refunded_of_orders, to_buyer.minor)?;
        }
        Ok(())
    }

    fn number(&mut self, merchant: MerchantId) -> u32 {
        let next = u32::try_from(self.merchants.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(merchant).or_insert(next);
        if number == next {
            self.merchants.push(Known::default());
        }
        number
    }

    fn row(&mut self, month: Month, merchant: u32) -> &mut Sales {
        self.sales.entry((month, merchant)).or_insert_with(|| Sales {
            month,
            merchant,
            placed: 0,
            paid_orders: 0,
            paid: Minor(0),
            subsidy: Minor(0),
            shortfall: Minor(0),
            refunded: Minor(0),
            refunded_of_orders: Minor(0),
        })
    }

    fn day(&mut self, at: Timestamp) -> &mut Day {
        let day = self.window.calendar.day(at);
        self.days.entry(day).or_insert(Day {
            day,
            placed: 0,
            paid_orders: 0,
            paid: Minor(0),
            refunded: Minor(0),
        })
    }

    /// What merchants are owed at the end of each month of the days, and before: each for itself, then over all.
    fn owed(&self) -> Result<Vec<Owed>, LoanPackError> {
        let window = self.window;
        let first = Month::of(window.calendar.day(window.from));
        let last = Month::of(window.calendar.day(window.to));
        let months = (0..=last.since(first)).map(|n| Some(first.plus(n)));
        let months: Vec<Option<Month>> = std::iter::once(None).chain(months).collect();
        let place = |month: Option<Month>| month.map_or(0, |month| month.since(first) as usize + 1);
        // by how much the sums over merchants change from one end of a month to the next
        let (mut owed, mut owing) = (vec![0i128; months.len()], vec![0i128; months.len()]);
        let (mut merchant, mut so_far) = (None, 0i128);
        for ((of, month), change) in &self.owed {
            if merchant != Some(of) {
                (merchant, so_far) = (Some(of), 0);
            }
            let now = so_far + change;
            owed[place(*month)] += now.max(0) - so_far.max(0);
            owing[place(*month)] += (-now).max(0) - (-so_far).max(0);
            so_far = now;
        }
        let mut sums = [0i128; 3];
        let minor = |sum: i128| i64::try_from(sum).map(Minor).map_err(|_| overflow());
        months
            .into_iter()
            .enumerate()
            .map(|(at, month)| {
                let deposits = self.deposits.get(&month).copied().unwrap_or_default();
                sums.iter_mut().zip([owed[at], owing[at], deposits]).for_each(|(sum, by)| *sum += by);
                let [merchants, receivable, deposits] = sums;
                Ok(Owed {
                    month,
                    merchants: minor(merchants)?,
                    receivable: minor(receivable)?,
                    deposits: minor(deposits)?,
                })
            })
            .collect()
    }

    pub(super) fn finish(self) -> Result<Drawn, LoanPackError> {
        let owed = self.owed()?;
        let mut turnover = vec![(0i128, false); self.merchants.len()];
        for row in self.sales.values() {
            let (paid, any) = &mut turnover[row.merchant as usize];
            *paid += i128::from(row.paid.0);
            *any = true;
        }
        // by what they sold, and by a digest where that is the same: so that a number does not tell when a merchant came
        let mut digests = vec![[0u8; 32]; self.merchants.len()];
        for (merchant, number) in &self.numbers {
            digests[*number as usize] = Sha256::digest(merchant.as_str()).into();
        }
        let mut order: Vec<usize> = (0..self.merchants.len())
            .filter(|at| turnover[*at].1 || self.merchants[*at].opened.is_some())
            .collect();
        order.sort_by_key(|at| (std::cmp::Reverse(turnover[*at].0), digests[*at]));
        let mut number = vec![0u32; self.merchants.len()];
        let mut members = Vec::with_capacity(order.len());
        for (merchant, at) in (1..).zip(order) {
            number[at] = merchant;
            let Known { opened, left, first_sale } = self.merchants[at];
            let first_sale = first_sale.map(|at| Month::of(self.window.calendar.day(at)));
            members.push(Member { merchant, opened, left, first_sale });
        }
        let mut sales: Vec<Sales> = self.sales.into_values().collect();
        sales.iter_mut().for_each(|row| row.merchant = number[row.merchant as usize]);
        sales.sort_by_key(|row| (row.month, row.merchant));
        let buyers = cohorts(self.window, &self.since, self.bought);
        let books = self.books.into_iter().filter(|(_, change)| *change != 0);
        let books = books.map(|((month, class, name), change)| Booked {
            month,
            account: format!("{}:{name}", class.as_str()),
            change: Minor(change),
        });
        Ok(Drawn {
            members,
            sales,
            owed,
            days: self.days.into_values().collect(),
            buyers,
            books: books.collect(),
            in_other_currencies: self.in_other_currencies,
        })
    }
}

/// Buyers by the month in which they first paid, and by those in which they paid.
fn cohorts(window: Window, since: &[Timestamp], bought: Map<(u32, Month), Bought>) -> Vec<Cohort> {
    let mut first_here: Map<u32, Month> = Map::default();
    for (buyer, month) in bought.keys() {
        let first = first_here.entry(*buyer).or_insert(*month);
        *first = (*first).min(*month);
    }
    let mut rows: BTreeMap<(Month, Month), Cohort> = BTreeMap::new();
    for ((buyer, month), of) in bought {
        let cohort = Month::of(window.calendar.day(since[buyer as usize]));
        let row = rows.entry((cohort, month)).or_insert(Cohort {
            cohort,
            month,
            buyers: 0,
            first_here: 0,
            orders: 0,
            paid: Minor(0),
        });
        row.buyers += 1;
        row.first_here += u64::from(first_here.get(&buyer) == Some(&month));
        row.orders += of.orders;
        row.paid.0 = row.paid.0.saturating_add(of.paid);
    }
    rows.into_values().collect()
}

fn add(to: &mut Minor, by: i64) -> Result<(), LoanPackError> {
    to.0 = to.0.checked_add(by).ok_or_else(overflow)?;
    Ok(())
}

fn sum(amounts: impl Iterator<Item = Money>) -> Result<i64, LoanPackError> {
    let mut amounts = amounts;
    amounts.try_fold(0i64, |sum, amount| sum.checked_add(amount.minor)).ok_or_else(overflow)
}

fn overflow() -> LoanPackError {
    PackError::Overflow("what the market sold").into()
}
