//! The lines as the figures look at them: days instead of instants, orders by their place.

use std::collections::HashMap;

use chrono::NaiveDate;
use daybook_domain::{Currency, Timestamp};

use crate::facts::{Facts, Order, SUBJECT};
use crate::numbers::{Zone, month_of};
use crate::{Dispute, Movement, PackError, Refund};

/// Most months of a pack.
const MOST_MONTHS: i32 = 1_200;

/// The lines, joined.
pub struct Scope<'f> {
    pub facts: &'f Facts,
    pub zone: Zone,
    pub from: NaiveDate,
    pub to: NaiveDate,
    /// The first day that is measured: the later of the first day and the merchant's own; the day after the last where it has
    /// not begun.
    pub began: NaiveDate,
    pub first_month: i32,
    pub months: usize,
    /// The place of each order.
    places: HashMap<&'f str, usize>,
    /// The day on which each order was paid, where that is within.
    pub paid_on: Vec<Option<NaiveDate>>,
    /// Of each order, what went back by the last day.
    pub back: Vec<i64>,
    /// Whether it was disputed.
    pub disputed: Vec<bool>,
}

impl<'f> Scope<'f> {
    pub fn of(facts: &'f Facts) -> Result<Self, PackError> {
        let zone = facts.zone()?;
        let (from, to) = (facts.subject.from, facts.subject.to);
        let first_month = month_of(from);
        let months = month_of(to) - first_month + 1;
        if months > MOST_MONTHS {
            return Err(PackError::malformed(SUBJECT, format!("it tells of more than {MOST_MONTHS} months")));
        }
        let mut places = HashMap::with_capacity(facts.orders.len());
        for (place, order) in facts.orders.iter().enumerate() {
            if places.insert(order.order.as_str(), place).is_some() {
                return Err(PackError::malformed(
                    "orders.csv",
                    format!("order {} stands in it twice", order.order),
                ));
            }
        }
        let own = facts.subject.began;
        let began = own.map_or_else(|| to.succ_opt().unwrap_or(to), |began| began.max(from));
        let mut scope = Self {
            facts,
            zone,
            from,
            to,
            began,
            first_month,
            months: months.max(1) as usize,
            places,
            paid_on: Vec::new(),
            back: vec![0; facts.orders.len()],
            disputed: vec![false; facts.orders.len()],
        };
        scope.paid_on = facts.orders.iter().map(|order| scope.within(order.paid_at)).collect();
        for refund in &facts.refunds {
            let place = scope.place("refunds.csv", &refund.order)?;
            scope.back[place] = scope.back[place].saturating_add(refund.to_buyer.0);
        }
        for dispute in &facts.disputes {
            let place = scope.place("disputes.csv", &dispute.order)?;
            scope.disputed[place] = true;
        }
        for item in &facts.items {
            scope.place("items.csv", &item.order)?;
        }
        Ok(scope)
    }

    pub fn currency(&self) -> Currency {
        self.facts.subject.currency
    }

    /// The place of an order.
    pub fn place(&self, file: &str, order: &str) -> Result<usize, PackError> {
        let place = self.places.get(order).copied();
        place.ok_or_else(|| PackError::malformed(file, format!("order {order} does not stand in orders.csv")))
    }

    /// The place of an order, if it is one of the pack's.
    pub fn known(&self, order: &str) -> Option<usize> {
        self.places.get(order).copied()
    }

    /// The day of an instant, where it is within the pack's.
    pub fn within(&self, at: Option<Timestamp>) -> Option<NaiveDate> {
        let day = self.zone.day(at?);
        (self.from <= day && day <= self.to).then_some(day)
    }

    /// The place of a day's month.
    pub fn month(&self, day: NaiveDate) -> usize {
        usize::try_from(month_of(day) - self.first_month).unwrap_or_default().min(self.months - 1)
    }

    /// Orders paid within, with their places and days.
    pub fn paid(&self) -> impl Iterator<Item = (usize, &'f Order, NaiveDate)> + '_ {
        let orders = self.facts.orders.iter().enumerate();
        orders.filter_map(|(place, order)| Some((place, order, self.paid_on[place]?)))
    }

    /// Refunds dated within.
    pub fn refunds(&self) -> impl Iterator<Item = (&'f Refund, NaiveDate)> + '_ {
        self.facts.refunds.iter().filter_map(|refund| Some((refund, self.within(Some(refund.at))?)))
    }

    /// Whether a dispute is a bank's claim.
    pub fn is_chargeback(dispute: &Dispute) -> bool {
        dispute.kind == "chargeback"
    }

    /// Movements with their days; the opening row has none.
    pub fn movements(&self) -> impl Iterator<Item = (&'f Movement, Option<NaiveDate>)> + '_ {
        self.facts.account.iter().map(|movement| (movement, self.within(Some(movement.at))))
    }

    /// How many days it tells of.
    pub fn days(&self) -> usize {
        usize::try_from((self.to - self.from).num_days() + 1).unwrap_or_default()
    }

    /// The place of a day.
    pub fn day(&self, day: NaiveDate) -> usize {
        usize::try_from((day - self.from).num_days()).unwrap_or_default()
    }

    /// The end of the last day.
    pub fn end(&self) -> Timestamp {
        self.zone.end(self.to)
    }

    /// How many days are measured.
    pub fn measured(&self) -> usize {
        usize::try_from((self.to - self.began).num_days() + 1).unwrap_or_default()
    }

    /// The first and the last day of a month, where the calendar has them.
    fn ends(&self, month: usize) -> Option<(NaiveDate, NaiveDate)> {
        let name = self.first_month + month as i32;
        let first = NaiveDate::from_ymd_opt(name.div_euclid(12), name.rem_euclid(12) as u32 + 1, 1)?;
        Some((first, first.checked_add_months(chrono::Months::new(1))?.pred_opt()?))
    }

    /// Days of a month that are measured.
    pub fn measured_in(&self, month: usize) -> usize {
        let Some((first, last)) = self.ends(month) else { return 0 };
        let days = (last.min(self.to) - first.max(self.began)).num_days() + 1;
        usize::try_from(days).unwrap_or_default()
    }

    /// Whether all days of a month are measured.
    pub fn full(&self, month: usize) -> bool {
        self.ends(month).is_some_and(|(first, last)| self.began <= first && last <= self.to)
    }
}
