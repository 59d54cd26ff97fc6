//! Questions that are answered in several passes over the journal, each of which keeps a part of the visitors: of a market whose traffic
//! does not fit into memory.
//!
//! A visitor is in one part as a whole, with what it bought, so visitors, visits and views of the parts add up; buyers, who may come
//! as several visitors, stay sets until all parts are in. So an answer does not depend on how many parts there are.

use daybook_domain::Event;
use daybook_metrics::ChannelRule;

use super::came::Only;
use super::cells::{Cells, Reporting, Sums};
use super::filing::Filing;
use super::history::{History, NothingBeside};
use super::most::Most;
use super::{Dimension, Question};
use crate::calendar::Calendar;
use crate::engine::{Events, Progress, ReadModelError};

/// Each part is a pass: with as many it takes the time of as many.
const MOST_PARTS: u64 = 1 << 10;

/// One of several parts of all visitors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    number: u64,
    of: u64,
}

impl Part {
    pub(super) fn concerns(self, event: &Event) -> bool {
        match event {
            Event::PageViewed(view) => self.has(view.visitor.as_str()),
            Event::VisitorActed(act) => self.has(act.visitor.as_str()),
            // whose visitor nobody knows is in one part, too
            Event::OrderPlaced(order) => {
                self.has(order.visitor.as_ref().map_or(order.buyer.as_str(), |visitor| visitor.as_str()))
            }
            Event::CartItemAdded(_) | Event::BuyerRegistered(_) => false,
            // of an order that is another part's nothing is known
            _ => true,
        }
    }

    /// By FNV-1a of the id: the same in every pass.
    fn has(self, id: &str) -> bool {
        let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        (hash ^ (hash >> 32)) % self.of == self.number
    }
}

impl History {
    /// Answers questions by channel, sales channel and time as [`cells`](Self::cells) of a history of `since` does, in so many passes over
    /// the events, or in more where what a pass keeps takes too much memory. Texts (names of buyers and sellers, paths) and what is
    /// answered stay in memory over all of them.
    ///
    /// # Errors
    /// [`ReadModelError`]; `BadQuestion` for another dimension, and where it takes too much memory in however many passes.
    pub fn cells_in_parts(
        events: &dyn Events,
        (calendar, rule): (Calendar, &ChannelRule),
        since: (chrono::NaiveDate, i64),
        questions: &[Question],
        (passes, most): (u64, Most),
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<Cells>, ReadModelError> {
        let told = |by: &Dimension| {
            matches!(by, Dimension::Channel | Dimension::SalesChannel | Dimension::Paid) || by.is_time()
        };
        if !questions.iter().all(|question| question.by.iter().all(told)) {
            let why = "in parts it is asked by channel, sales channel and time alone";
            return Err(ReadModelError::BadQuestion(why.to_owned()));
        }
        let mut parts = passes.clamp(1, MOST_PARTS);
        loop {
            let beginning = Self::beginning(calendar, rule.clone(), since);
            if let Some(cells) = beginning.in_parts(events, parts, questions, most, progress)? {
                return Ok(cells);
            }
            if parts == MOST_PARTS {
                return Err(ReadModelError::BadQuestion(format!(
                    "a {MOST_PARTS}th of the visitors takes more than {} MiB of memory, with the names of all: ask about fewer days",
                    most.bytes >> 20
                )));
            }
            parts = (parts * 4).min(MOST_PARTS);
        }
    }

    /// The answers; none where a part does not fit.
    fn in_parts(
        self,
        events: &dyn Events,
        parts: u64,
        questions: &[Question],
        most: Most,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Option<Vec<Cells>>, ReadModelError> {
        let mut history = self;
        let mut sums: Vec<Sums> = questions.iter().map(|_| Sums::default()).collect();
        for number in 0..parts {
            history = history.emptied(Only::Part(Part { number, of: parts }));
            let memory = history.take_in(events, &mut NothingBeside, most, progress)?;
            if memory.is_over(history.bytes()) {
                return Ok(None);
            }
            history.settle();
            for (question, sums) in questions.iter().zip(&mut sums) {
                history.sum_up(question, most, sums)?;
            }
        }
        let answers = questions.iter().zip(sums).map(|(question, mut sums)| {
            // every part has all that sales channels reported
            history.report_into(question, Reporting::All, most, &mut sums)?;
            sums.cells(&Filing::of(&history, question), most)
        });
        answers.collect::<Result<Vec<_>, _>>().map(Some)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use daybook_domain::Currency;
    use daybook_metrics::attribution::DEFAULT_LOOK_BACK;

    use super::*;
    use crate::engine::testing::visits;
    use crate::engine::{AsOf, AsWritten};
    use crate::metrics::{Days, Definition, Sites};

    #[test]
    fn what_does_not_fit_at_once_is_answered_in_parts_and_no_otherwise() {
        let journal = visits(6_000);
        let events = AsWritten::of(&journal, AsOf::default());
        let (rule, calendar) = (Sites::default().rule().clone(), Calendar::UTC);
        let days = Days { from: "2025-11-10".parse().unwrap(), to: "2025-12-20".parse().unwrap() };
        let by = [vec![], vec![Dimension::Channel], vec![Dimension::Month, Dimension::SalesChannel]];
        let currency = Currency::new("CNY").unwrap();
        let questions = by.map(|by| Question::new(days, by, Definition::Plan, currency));
        let since = (days.from, DEFAULT_LOOK_BACK);
        let whole = History::read(&events, calendar, since, rule.clone(), &mut |_| {}).unwrap();
        let total = whole.cells(&questions[0]).unwrap().total;
        assert!(total.uv > 200 && total.orders > 100 && total.buyers > 40, "{total:?}");
        let most = Most { bytes: whole.bytes() * 3 / 4, ..Most::default() };
        let beginning = || History::beginning(calendar, rule.clone(), since);
        assert!(beginning().fill(&events, most, &mut |_| {}).is_err(), "all of it does not fit");
        let ask = |passes, most| {
            let rules = (calendar, &rule);
            History::cells_in_parts(&events, rules, since, &questions, (passes, most), &mut |_| {})
        };
        for (passes, most) in [(1, most), (3, Most::default())] {
            for (question, answer) in questions.iter().zip(ask(passes, most).unwrap()) {
                let expected = whole.cells(question).unwrap();
                assert_eq!((answer.cells, answer.total), (expected.cells, expected.total), "{passes}");
                let beside = (answer.reported, answer.untracked);
                assert_eq!(beside, (expected.reported, expected.untracked), "{passes}");
            }
        }
        let none = ask(1, Most { bytes: 1 << 10, ..Most::default() });
        assert!(none.unwrap_err().to_string().contains("ask about fewer days"));
    }
}
