//! Inquiries by guest and by period: who asked, who was served, and which inquiry led to a payment.

use chrono::Datelike as _;
use daybook_domain::Timestamp;
use daybook_metrics::sessions::Day;
use hashbrown::HashMap;

use super::Days;
use super::aftermath::{Aftermath, Inquiry};
use super::fates::Fate;
use super::filing::day_number;
use crate::calendar::Calendar;

/// Whoever asks: a terminal, or a buyer.
pub(super) type Guest = (bool, u32);

/// Periods that follow one another.
pub(super) struct Periods {
    calendar: Calendar,
    days: Vec<(Day, Day)>,
    /// Where each begins and ends, in microseconds.
    pub ends: Vec<(i64, i64)>,
}

impl Periods {
    pub fn of(calendar: Calendar, periods: &[Days]) -> Self {
        let days = periods.iter().map(|of| (day_number(of.from), day_number(of.to))).collect();
        let end = |of: &Days| (calendar.start_of(of.from).0, calendar.end_of(of.to).0);
        Self { calendar, days, ends: periods.iter().map(end).collect() }
    }

    /// The period that an instant lies in.
    pub fn at(&self, at: Timestamp) -> Option<usize> {
        let day = day_number(self.calendar.day(at));
        let period = self.days.partition_point(|(from, _)| *from <= day).checked_sub(1)?;
        (day <= self.days[period].1).then_some(period)
    }

    /// The parts of a time in each period.
    pub fn parts(&self, from: i64, until: i64) -> impl Iterator<Item = (usize, (i64, i64))> {
        let first = self.ends.partition_point(|(_, end)| *end < from);
        let of = self.ends.iter().enumerate().skip(first).take_while(move |(_, (start, _))| *start < until);
        of.map(move |(period, (start, end))| (period, (from.max(*start), until.min(*end))))
            .filter(|(_, (from, until))| from < until)
    }
}

/// What a guest asked a merchant.
#[derive(Default)]
pub(super) struct Asked {
    /// Inquiries in order of time.
    opened: Vec<(Timestamp, u32)>,
    /// Answers in order of time, each with its inquiry and its agent.
    answers: Vec<(Timestamp, u32, u32)>,
    /// How many of them were looked at.
    next: usize,
    /// Those of them that may still count, the last one last.
    may: Vec<(Timestamp, u32, u32)>,
}

impl Asked {
    /// The last answer before a payment to an inquiry opened since an instant. It is asked in order of time, and neither
    /// moves back: what is too old once stays so, and each answer is looked at once.
    fn last_answer(
        &mut self,
        inquiries: &[Inquiry],
        since: i64,
        paid_at: Timestamp,
    ) -> Option<(Timestamp, u32, u32)> {
        let upto = self.answers.partition_point(|(at, ..)| *at <= paid_at);
        self.may.extend(self.answers.get(self.next..upto).unwrap_or_default());
        self.next = upto;
        while self.may.last().is_some_and(|(_, of, _)| inquiries[*of as usize].opened_at.0 < since) {
            self.may.pop();
        }
        self.may.last().copied()
    }

    /// The last inquiry before a payment, opened since an instant.
    fn last_opened(&self, since: i64, paid_at: Timestamp) -> Option<(Timestamp, u32)> {
        let upto = self.opened.partition_point(|(at, _)| *at <= paid_at);
        let last = self.opened.get(upto.checked_sub(1)?).copied();
        last.filter(|(at, _)| at.0 >= since)
    }
}

/// What each guest asked each merchant.
pub(super) type AllAsked = HashMap<(Guest, u32), Asked, ahash::RandomState>;

pub(super) fn guest(inquiry: &Inquiry) -> Option<Guest> {
    inquiry.visitor.map(|visitor| (false, visitor)).or(inquiry.buyer.map(|buyer| (true, buyer)))
}

/// Who served the guest of an inquiry from when until when: from an agent's answer until it lingers no longer after its
/// last one, the inquiry is closed, or another agent answers. An answer after that begins anew: in between nobody served.
pub(super) fn served(inquiry: &Inquiry, lingers: i64) -> Vec<(u32, i64, i64)> {
    let mut answers = inquiry.answers.clone();
    answers.sort_by_key(|(at, _)| *at);
    let mut runs: Vec<(u32, i64, i64)> = Vec::new();
    for (at, agent) in answers {
        let until = at.0.saturating_add(lingers);
        match runs.last_mut() {
            Some((of, _, end)) if *of == agent && at.0 <= *end => *end = until,
            before => {
                if let Some((.., end)) = before {
                    *end = at.0.min(*end);
                }
                runs.push((agent, at.0, until));
            }
        }
    }
    if let (Some((.., end)), Some(closed)) = (runs.last_mut(), inquiry.closed_at) {
        *end = closed.0.min(*end);
    }
    runs
}

impl Aftermath {
    /// All inquiries by guest and merchant.
    pub(super) fn asked(&self) -> AllAsked {
        let mut all = AllAsked::default();
        for (number, inquiry) in (0u32..).zip(&self.inquiries) {
            let by = [inquiry.visitor.map(|of| (false, of)), inquiry.buyer.map(|of| (true, of))];
            for by in by.into_iter().flatten() {
                let asked = all.entry((by, inquiry.merchant)).or_default();
                asked.opened.push((inquiry.opened_at, number));
                asked.answers.extend(inquiry.answers.iter().map(|(at, agent)| (*at, number, *agent)));
            }
        }
        for asked in all.values_mut() {
            asked.opened.sort_unstable();
            asked.answers.sort_by_key(|(at, of, _)| (*at, *of));
        }
        all
    }

    /// The inquiry that led to a payment, with the agent who answered it last before that: of those opened since an instant
    /// the one answered last, or, where none was, the last one.
    pub(super) fn led(
        &self,
        order: &Fate,
        paid_at: Timestamp,
        since: i64,
        asked: &mut AllAsked,
    ) -> Option<(u32, Option<u32>)> {
        let by = [order.visitor.map(|of| (false, of)), Some((true, order.buyer))];
        let (mut answer, mut opened) = (None, None);
        for by in by.into_iter().flatten() {
            if let Some(asked) = asked.get_mut(&(by, order.placed.merchant)) {
                answer = answer.max(asked.last_answer(&self.inquiries, since, paid_at));
                opened = opened.max(asked.last_opened(since, paid_at));
            }
        }
        let answered = answer.map(|(_, inquiry, agent)| (inquiry, Some(agent)));
        answered.or(opened.map(|(_, inquiry)| (inquiry, None)))
    }
}

/// How many of the spans lie over one another at most, how long there is any, and how long more than the limit.
pub(super) fn crowd(spans: &[(i64, i64)], limit: u32) -> (u32, i64, i64) {
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
pub(super) fn months(days: Days) -> Vec<Days> {
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
    use proptest::prelude::*;

    use super::*;

    fn inquiry(opened_at: i64) -> Inquiry {
        let opened_at = Timestamp(opened_at);
        Inquiry {
            merchant: 0,
            visitor: Some(1),
            buyer: None,
            given: None,
            opened_at,
            answers: vec![],
            closed_at: None,
        }
    }

    proptest! {
        #[test]
        fn the_last_answer_in_time_is_that_of_looking_through_them_all(
            opened in prop::collection::vec(0i64..50, 1..12),
            answers in prop::collection::vec((0i64..60, any::<prop::sample::Index>(), 0u32..4), 0..30),
            mut paid in prop::collection::vec(0i64..70, 1..12), window in 0i64..40,
        ) {
            let inquiries: Vec<Inquiry> = opened.iter().map(|at| inquiry(*at)).collect();
            let of = |(after, of, agent): &(i64, prop::sample::Index, u32)| {
                let of = of.index(inquiries.len());
                (Timestamp(inquiries[of].opened_at.0 + after), of as u32, *agent)
            };
            let mut asked = Asked { answers: answers.iter().map(of).collect(), ..Asked::default() };
            asked.answers.sort_by_key(|(at, of, _)| (*at, *of));
            asked.opened = (0u32..).zip(&inquiries).map(|(number, of)| (of.opened_at, number)).collect();
            asked.opened.sort_unstable();
            let (all, opened) = (asked.answers.clone(), asked.opened.clone());
            paid.sort_unstable();
            for paid_at in paid.into_iter().map(Timestamp) {
                let since = paid_at.0 - window;
                let in_time = |of: u32| inquiries[of as usize].opened_at.0 >= since;
                let answer = all.iter().rfind(|(at, of, _)| *at <= paid_at && in_time(*of));
                prop_assert_eq!(asked.last_answer(&inquiries, since, paid_at), answer.copied());
                let last = opened.iter().rfind(|(at, of)| *at <= paid_at && in_time(*of));
                prop_assert_eq!(asked.last_opened(since, paid_at), last.copied());
            }
        }
    }

    #[test]
    fn an_answer_is_looked_at_once_however_many_payments_follow() {
        let many = 40_000u32;
        let inquiries: Vec<Inquiry> = (0..many).map(|n| inquiry(i64::from(n))).collect();
        let answers = (0..many).map(|n| (Timestamp(i64::from(n)), n, 0)).collect();
        let mut asked = Asked { answers, ..Asked::default() };
        for n in 0..i64::from(many) {
            let found = asked.last_answer(&inquiries, n - 3, Timestamp(n));
            assert_eq!(found.map(|(at, ..)| at), Some(Timestamp(n)));
            assert!(asked.may.len() <= asked.next && asked.next as i64 == n + 1);
        }
        assert_eq!(asked.last_answer(&inquiries, i64::from(many), Timestamp(i64::from(many))), None);
        assert!(asked.may.is_empty(), "what is too old is let go of");
    }

    #[test]
    fn an_agent_serves_from_each_answer_until_it_lingers_no_longer() {
        let of = |answers: &[(i64, u32)], closed: Option<i64>| {
            let answers = answers.iter().map(|(at, agent)| (Timestamp(*at), *agent)).collect();
            served(&Inquiry { answers, closed_at: closed.map(Timestamp), ..inquiry(0) }, 5)
        };
        assert_eq!(of(&[], Some(9)), []);
        assert_eq!(of(&[(10, 1)], None), [(1, 10, 15)]);
        assert_eq!(of(&[(10, 1), (15, 1)], Some(17)), [(1, 10, 17)], "while it lingers");
        assert_eq!(of(&[(10, 1), (16, 1)], None), [(1, 10, 15), (1, 16, 21)], "no longer");
        assert_eq!(of(&[(10, 1), (40, 1)], Some(42)), [(1, 10, 15), (1, 40, 42)]);
        assert_eq!(of(&[(10, 1)], Some(60)), [(1, 10, 15)], "who says no more is not served until the close");
        // heard of late; the second takes over, and the first comes back
        assert_eq!(of(&[(12, 2), (10, 1), (30, 1)], None), [(1, 10, 12), (2, 12, 17), (1, 30, 35)]);
    }

    #[test]
    fn guests_at_once_are_counted_while_they_are_served() {
        assert_eq!(crowd(&[], 1), (0, 0, 0));
        // eight guests, each answered at 09:00 and at 17:00, five minutes each time
        let minutes = |of: i64| of * 60;
        let spans: Vec<(i64, i64)> =
            (0..8).flat_map(|_| [(minutes(540), minutes(545)), (minutes(1_020), minutes(1_025))]).collect();
        assert_eq!(crowd(&spans, 5), (8, minutes(10), minutes(10)));
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
}
