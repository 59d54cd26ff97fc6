//! Figures of agents: how fast they answer, whom they sell to, and what comes of it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Datelike as _;
use daybook_domain::time::{DAY, SECOND};
use daybook_domain::{Currency, Money, Timestamp};
use hashbrown::HashMap;

use super::Days;
use super::after_sales::Times;
use super::aftermath::{Aftermath, Fate, Inquiry};
use super::filing::day_number;
use crate::engine::ReadModelError;

/// The longest first response that counts as fast, in microseconds.
pub const FAST: i64 = 30 * SECOND;
/// Reviews of service up to this score are bad.
const BAD: u8 = 2;

/// A question about service.
#[derive(Clone, Copy, Debug)]
pub struct ServiceQuestion {
    /// Over which days.
    pub days: Days,
    /// Whether each calendar month stands for itself.
    pub by_month: bool,
    /// Sales in which currency.
    pub currency: Currency,
    /// How many days after asking a payment still counts; none: in the same period, as the plan has it.
    pub window: Option<u32>,
    /// Most guests whom an agent should serve at once.
    pub at_once: u32,
}

/// An agent's figures of a period; or, without an agent, those of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// First day of the period.
    pub from: chrono::NaiveDate,
    /// Who; none: all of them, and whom nobody answered.
    pub agent: Option<String>,
    /// Inquiries opened: of an agent, those that it answered first, or was given and did not answer.
    pub inquiries: u64,
    /// Of them, answered.
    pub answered: u64,
    /// From the inquiry to its first answer.
    pub response: Times,
    /// First answers within [`FAST`].
    pub fast: u64,
    /// Most guests served at once.
    pub most_at_once: u32,
    /// Time in which guests were served, in microseconds.
    pub serving: i64,
    /// Of that, with more guests at once than there should be.
    pub crowded: i64,
    /// Distinct guests received: terminals, or buyers where none is known.
    pub received: u64,
    /// Of them, those who paid after asking.
    pub converted: u64,
    /// Orders that they paid; the agent is the last who answered before the payment.
    pub orders: u64,
    /// What they paid.
    pub gmv: Money,
    /// Of these orders, with a return asked for.
    pub returns: u64,
    /// And with an exchange.
    pub exchanges: u64,
    /// Guests who paid and to whom something went back.
    pub refunded: u64,
    /// Reviews that score the service of these orders at 2 or less.
    pub bad_reviews: u64,
    /// Violations recorded.
    pub violations: u64,
}

/// An answer: agents by period, and all of each period.
#[derive(Clone, Debug)]
pub struct ServiceFigures {
    /// Each agent of each period.
    pub agents: Vec<Service>,
    /// All of each period.
    pub all: Vec<Service>,
}

/// Whoever asks: a terminal, or a buyer.
type Guest = (bool, u32);

#[derive(Default)]
struct Sum {
    inquiries: u64,
    response: Vec<i64>,
    fast: u64,
    /// When guests came and went.
    served: Vec<(i64, i64)>,
    received: BTreeSet<Guest>,
    converted: BTreeSet<Guest>,
    orders: u64,
    gmv: i128,
    returns: u64,
    exchanges: u64,
    refunded: BTreeSet<Guest>,
    bad_reviews: u64,
    violations: u64,
}

/// The sums of a period: by agent, and of all.
#[derive(Default)]
struct Sums {
    agents: BTreeMap<u32, Sum>,
    all: Sum,
}

impl Sums {
    fn add(&mut self, agent: Option<u32>, change: impl Fn(&mut Sum)) {
        change(&mut self.all);
        if let Some(agent) = agent {
            change(self.agents.entry(agent).or_default());
        }
    }
}

fn guest(inquiry: &Inquiry) -> Option<Guest> {
    inquiry.visitor.map(|visitor| (false, visitor)).or(inquiry.buyer.map(|buyer| (true, buyer)))
}

impl Aftermath {
    /// Answers a question.
    ///
    /// # Errors
    /// [`ReadModelError::BadQuestion`] for sums beyond 64 bits.
    pub fn service(&self, question: &ServiceQuestion) -> Result<ServiceFigures, ReadModelError> {
        let periods = if question.by_month { months(question.days) } else { vec![question.days] };
        let mut asked: HashMap<Guest, Vec<u32>, ahash::RandomState> = HashMap::default();
        for (number, inquiry) in (0u32..).zip(&self.inquiries) {
            let by = [inquiry.visitor.map(|of| (false, of)), inquiry.buyer.map(|of| (true, of))];
            by.into_iter().flatten().for_each(|by| asked.entry(by).or_default().push(number));
        }
        let mut found = ServiceFigures { agents: Vec::new(), all: Vec::new() };
        for days in periods {
            let mut sums = Sums::default();
            self.received(days, &mut sums);
            self.sold(days, question, &asked, &mut sums);
            let of = |agent: Option<u32>, sum: Sum| {
                let agent = agent.map(|agent| self.names.text(agent).to_owned());
                sum.figures(days, agent, question)
            };
            for (agent, sum) in sums.agents {
                found.agents.push(of(Some(agent), sum)?);
            }
            found.all.push(of(None, sums.all)?);
        }
        found.agents.sort_by(|a, b| (a.from, &a.agent).cmp(&(b.from, &b.agent)));
        Ok(found)
    }

    fn within(&self, days: Days, at: Timestamp) -> bool {
        let day = day_number(self.calendar.day(at));
        (day_number(days.from)..=day_number(days.to)).contains(&day)
    }

    /// What was asked in a period, and how it was answered.
    fn received(&self, days: Days, sums: &mut Sums) {
        let (first, last) = (self.calendar.start_of(days.from).0, self.calendar.end_of(days.to).0);
        for inquiry in &self.inquiries {
            let until = inquiry.closed_at.or(inquiry.answers.last().map(|(at, _)| *at));
            let agents: BTreeSet<u32> = inquiry.answers.iter().map(|(_, agent)| *agent).collect();
            for agent in agents {
                let since = inquiry.answers.iter().find(|(_, of)| *of == agent).map(|(at, _)| at.0);
                let span = since.zip(until).map(|(since, until)| (since.max(first), until.0.min(last)));
                if let Some(span) = span.filter(|(since, until)| since < until) {
                    sums.agents.entry(agent).or_default().served.push(span);
                }
            }
            if !self.within(days, inquiry.opened_at) {
                continue;
            }
            let answer = inquiry.answers.first();
            let guest = guest(inquiry);
            sums.add(answer.map(|(_, agent)| *agent).or(inquiry.given), |sum| {
                sum.inquiries += 1;
                sum.received.extend(guest);
                if let Some((at, _)) = answer {
                    let waited = at.0 - inquiry.opened_at.0;
                    sum.response.push(waited);
                    sum.fast += u64::from(waited <= FAST);
                }
            });
        }
        for (_, agent) in self.violations.iter().filter(|(at, _)| self.within(days, *at)) {
            sums.add(Some(*agent), |sum| sum.violations += 1);
        }
    }

    /// What those who asked paid for, and what came of it.
    fn sold(
        &self,
        days: Days,
        question: &ServiceQuestion,
        asked: &HashMap<Guest, Vec<u32>, ahash::RandomState>,
        sums: &mut Sums,
    ) {
        let mut credited: HashMap<u32, u32, ahash::RandomState> = HashMap::default();
        for (number, order) in (0u32..).zip(&self.orders) {
            let Some(paid_at) = order.paid_at.filter(|_| order.currency == question.currency) else {
                continue;
            };
            let Some((agent, guest)) = self.credited(order, paid_at, days, question, asked) else { continue };
            if let Some(agent) = agent {
                credited.insert(number, agent);
            }
            let back = order.back_before.saturating_add(order.back_after) > 0;
            sums.add(agent, |sum| {
                sum.converted.insert(guest);
                sum.orders += 1;
                sum.gmv += i128::from(order.paid);
                sum.returns += u64::from(order.returned);
                sum.exchanges += u64::from(order.exchanged);
                if back {
                    sum.refunded.insert(guest);
                }
            });
        }
        for review in self.reviews.iter().filter(|review| review.service.is_some_and(|score| score <= BAD)) {
            let agent = review.order.and_then(|order| credited.get(&order));
            if let Some(agent) = agent {
                sums.add(Some(*agent), |sum| sum.bad_reviews += 1);
            }
        }
    }

    /// Whether somebody who asked in the period paid for an order after that, in time; with the agent: whom the order
    /// names, or the last who answered before.
    fn credited(
        &self,
        order: &Fate,
        paid_at: Timestamp,
        days: Days,
        question: &ServiceQuestion,
        asked: &HashMap<Guest, Vec<u32>, ahash::RandomState>,
    ) -> Option<(Option<u32>, Guest)> {
        let in_time = |inquiry: &&Inquiry| {
            let waited = paid_at.0 - inquiry.opened_at.0;
            let soon = match question.window {
                None => self.within(days, paid_at),
                Some(window) => waited <= i64::from(window) * DAY,
            };
            waited >= 0 && soon && self.within(days, inquiry.opened_at)
        };
        let by = [order.visitor.map(|of| (false, of)), Some((true, order.buyer))];
        let mut theirs: Vec<&Inquiry> = by
            .into_iter()
            .flatten()
            .filter_map(|by| asked.get(&by))
            .flatten()
            .map(|number| &self.inquiries[*number as usize])
            .filter(|inquiry| inquiry.merchant == order.merchant)
            .filter(in_time)
            .collect();
        theirs.sort_by_key(|inquiry| inquiry.opened_at);
        let guest = theirs.last().and_then(|inquiry| guest(inquiry))?;
        let answers = theirs.iter().flat_map(|inquiry| &inquiry.answers).filter(|(at, _)| *at <= paid_at);
        let last = answers.max_by_key(|(at, _)| *at).map(|(_, agent)| *agent);
        Some((order.agent.or(last), guest))
    }
}

impl Sum {
    fn figures(
        self,
        days: Days,
        agent: Option<String>,
        question: &ServiceQuestion,
    ) -> Result<Service, ReadModelError> {
        let gmv = i64::try_from(self.gmv).map_err(|_| {
            ReadModelError::BadQuestion("the GMV is beyond 64 bits: ask about fewer days".to_owned())
        })?;
        let (most_at_once, serving, crowded) = crowd(&self.served, question.at_once);
        Ok(Service {
            from: days.from,
            agent,
            inquiries: self.inquiries,
            answered: self.response.len() as u64,
            response: Times::of(self.response),
            fast: self.fast,
            most_at_once,
            serving,
            crowded,
            received: self.received.len() as u64,
            converted: self.converted.len() as u64,
            orders: self.orders,
            gmv: Money::new(gmv, question.currency),
            returns: self.returns,
            exchanges: self.exchanges,
            refunded: self.refunded.len() as u64,
            bad_reviews: self.bad_reviews,
            violations: self.violations,
        })
    }
}

/// How many of the spans lie over one another at most, how long there is any, and how long more than the limit.
fn crowd(spans: &[(i64, i64)], limit: u32) -> (u32, i64, i64) {
    let ends = spans.iter().flat_map(|(from, until)| [(*from, 1i32), (*until, -1)]);
    let mut ends: Vec<(i64, i32)> = ends.collect();
    // who goes makes room for who comes at the same instant
    ends.sort_unstable();
    let (mut now, mut most, mut since, mut serving, mut crowded) = (0u32, 0u32, 0i64, 0i64, 0i64);
    for (at, change) in ends {
        serving += if now > 0 { at - since } else { 0 };
        crowded += if now > limit { at - since } else { 0 };
        now = now.saturating_add_signed(change);
        (most, since) = (most.max(now), at);
    }
    (most, serving, crowded)
}

/// The calendar months of some days, the first and the last cut to them.
fn months(days: Days) -> Vec<Days> {
    let mut all = Vec::new();
    let mut from = days.from;
    while from <= days.to {
        let first = from.with_day(1).unwrap_or(from);
        let next = first.checked_add_months(chrono::Months::new(1));
        let last = next.and_then(|next| next.pred_opt()).map_or(days.to, |last| last.min(days.to));
        all.push(Days { from, to: last });
        match next {
            Some(next) => from = next,
            None => break,
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_at_once_are_counted_while_they_are_served() {
        assert_eq!(crowd(&[], 1), (0, 0, 0));
        // one goes as another comes
        assert_eq!(crowd(&[(0, 10), (10, 20)], 1), (1, 20, 0));
        assert_eq!(crowd(&[(0, 10), (5, 20), (6, 7), (30, 31)], 1), (3, 21, 5));
    }

    #[test]
    fn days_fall_into_calendar_months() {
        let day = |text: &str| text.parse().unwrap();
        let of = |from, to| -> Vec<String> {
            months(Days { from: day(from), to: day(to) })
                .iter()
                .map(|days| format!("{}..{}", days.from, days.to))
                .collect()
        };
        assert_eq!(of("2024-02-10", "2024-03-01"), ["2024-02-10..2024-02-29", "2024-03-01..2024-03-01"]);
        assert_eq!(of("2024-12-01", "2024-12-31"), ["2024-12-01..2024-12-31"]);
    }

    #[test]
    fn nearest_ranks_are_times_that_were_taken() {
        assert_eq!(Times::of(vec![]), Times { count: 0, median: None, p95: None });
        assert_eq!(Times::of(vec![7]), Times { count: 1, median: Some(7), p95: Some(7) });
        assert_eq!(Times::of((1..=20).rev().collect()), Times { count: 20, median: Some(10), p95: Some(19) });
    }
}
