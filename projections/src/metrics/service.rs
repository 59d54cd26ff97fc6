//! Figures of agents: how fast they answer, whom they sell to, and what comes of it.

use std::collections::{BTreeMap, BTreeSet};

use daybook_domain::time::{DAY, SECOND};
use daybook_domain::{Currency, Money, Timestamp};
use hashbrown::HashMap;

use super::after_sales::Times;
use super::aftermath::Aftermath;
use super::fates::Fate;
use super::inquiries::{Guest, Periods, crowd, guest, months, served};
use super::{Days, money};
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
    /// How long a guest is still served after an agent's last answer, in microseconds.
    pub lingers: i64,
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
    /// Distinct guests received: terminals, or buyers where none is known. An agent receives whom it answers, and whom it
    /// was given and nobody answered.
    pub received: u64,
    /// Of them, those who paid after asking; the agent is the last who answered before the payment.
    pub converted: u64,
    /// Orders paid in the period: of the agent that the order names, else of the last who answered before the payment.
    pub orders: u64,
    /// What was paid for them.
    pub gmv: Money,
    /// Of these orders, with a return asked for.
    pub returns: u64,
    /// And with an exchange.
    pub exchanges: u64,
    /// Of those who converted, guests to whom something went back.
    pub refunded: u64,
    /// Reviews that score the service of these orders at 2 or less.
    pub bad_reviews: u64,
    /// Violations recorded.
    pub violations: u64,
    /// The same by the rule that was broken.
    pub violations_by: BTreeMap<String, u64>,
}

/// An answer: agents by period, and all of each period.
#[derive(Clone, Debug)]
pub struct ServiceFigures {
    /// Each agent of each period.
    pub agents: Vec<Service>,
    /// All of each period.
    pub all: Vec<Service>,
}

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
    violations: BTreeMap<u32, u64>,
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

impl Aftermath {
    /// Answers a question.
    ///
    /// # Errors
    /// [`ReadModelError::BadQuestion`] for sums beyond 64 bits.
    pub fn service(&self, question: &ServiceQuestion) -> Result<ServiceFigures, ReadModelError> {
        let days = if question.by_month { months(question.days) } else { vec![question.days] };
        let periods = Periods::of(self.calendar, &days);
        let mut sums: Vec<Sums> = days.iter().map(|_| Sums::default()).collect();
        self.received(&periods, question.lingers, &mut sums);
        self.sold(&periods, question, &mut sums);
        let mut found = ServiceFigures { agents: Vec::new(), all: Vec::new() };
        for (days, sums) in days.into_iter().zip(sums) {
            let of = |agent: Option<u32>, sum: Sum| {
                let agent = agent.map(|agent| self.names.text(agent).to_owned());
                let violations_by =
                    sum.violations.iter().map(|(rule, n)| (self.names.text(*rule).to_owned(), *n)).collect();
                sum.figures(days, agent, violations_by, question)
            };
            for (agent, sum) in sums.agents {
                found.agents.push(of(Some(agent), sum)?);
            }
            found.all.push(of(None, sums.all)?);
        }
        found.agents.sort_by(|a, b| (a.from, &a.agent).cmp(&(b.from, &b.agent)));
        Ok(found)
    }

    /// What was asked in each period, and how it was answered.
    fn received(&self, periods: &Periods, lingers: i64, sums: &mut [Sums]) {
        for inquiry in &self.inquiries {
            for (agent, from, until) in served(inquiry, lingers) {
                for (period, part) in periods.parts(from, until) {
                    sums[period].agents.entry(agent).or_default().served.push(part);
                }
            }
            let Some(period) = periods.at(inquiry.opened_at) else { continue };
            let answer = inquiry.answers.iter().min_by_key(|(at, _)| *at);
            let guest = guest(inquiry);
            let sums = &mut sums[period];
            sums.add(answer.map(|(_, agent)| *agent).or(inquiry.given), |sum| {
                sum.inquiries += 1;
                sum.received.extend(guest);
                if let Some((at, _)) = answer {
                    let waited = at.0 - inquiry.opened_at.0;
                    sum.response.push(waited);
                    sum.fast += u64::from(waited <= FAST);
                }
            });
            // who answers later received the guest too
            for (_, agent) in &inquiry.answers {
                sums.agents.entry(*agent).or_default().received.extend(guest);
            }
        }
        for (at, agent, rule) in &self.violations {
            if let Some(period) = periods.at(*at) {
                sums[period].add(Some(*agent), |sum| *sum.violations.entry(*rule).or_default() += 1);
            }
        }
    }

    /// What those who asked paid for and what agents sold, and what came of it.
    fn sold(&self, periods: &Periods, question: &ServiceQuestion, sums: &mut [Sums]) {
        let mut asked = self.asked();
        let mut paid: Vec<(Timestamp, u32, &Fate)> = self
            .followed()
            .filter(|(_, order)| order.placed.currency == question.currency)
            .filter_map(|(number, order)| Some((order.paid_at?, number, order)))
            .collect();
        paid.sort_unstable_by_key(|(at, number, _)| (*at, *number));
        let mut credited: HashMap<u32, (usize, Option<u32>), ahash::RandomState> = HashMap::default();
        for (paid_at, number, order) in paid {
            let period = periods.at(paid_at);
            // the first instant at which an inquiry counts for this payment
            let since = match question.window {
                None => period.map_or(i64::MAX, |period| periods.ends[period].0),
                Some(window) => paid_at.0.saturating_sub(i64::from(window) * DAY),
            };
            let led = self.led(order, paid_at, since, &mut asked);
            let back = order.back_before.saturating_add(order.back_after) > 0;
            if let Some((inquiry, agent)) = led {
                let inquiry = &self.inquiries[inquiry as usize];
                if let (Some(period), Some(guest)) = (periods.at(inquiry.opened_at), guest(inquiry)) {
                    sums[period].add(agent, |sum| {
                        sum.converted.insert(guest);
                        if back {
                            sum.refunded.insert(guest);
                        }
                    });
                }
            }
            let agent = order.agent.or(led.and_then(|(_, agent)| agent));
            let Some(period) = period.filter(|_| led.is_some() || agent.is_some()) else { continue };
            credited.insert(number, (period, agent));
            sums[period].add(agent, |sum| {
                sum.orders += 1;
                sum.gmv += i128::from(order.paid);
                sum.returns += u64::from(order.returned);
                sum.exchanges += u64::from(order.exchanged);
            });
        }
        for review in self.reviews.iter().filter(|review| review.service.is_some_and(|score| score <= BAD)) {
            if let Some((period, agent)) = review.order.and_then(|order| credited.get(&order)) {
                sums[*period].add(*agent, |sum| sum.bad_reviews += 1);
            }
        }
    }
}

impl Sum {
    fn figures(
        self,
        days: Days,
        agent: Option<String>,
        violations_by: BTreeMap<String, u64>,
        question: &ServiceQuestion,
    ) -> Result<Service, ReadModelError> {
        let gmv = money(self.gmv, question.currency)?;
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
            gmv,
            returns: self.returns,
            exchanges: self.exchanges,
            refunded: self.refunded.len() as u64,
            bad_reviews: self.bad_reviews,
            violations: self.violations.values().sum(),
            violations_by,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_ranks_are_times_that_were_taken() {
        assert_eq!(Times::of(vec![]), Times { count: 0, median: None, p95: None });
        assert_eq!(Times::of(vec![7]), Times { count: 1, median: Some(7), p95: Some(7) });
        assert_eq!(Times::of((1..=20).rev().collect()), Times { count: 20, median: Some(10), p95: Some(19) });
    }
}
