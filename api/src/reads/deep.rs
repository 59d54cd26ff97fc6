//! A read that looks at rows where they tell and at the journal where they do not: its turn, its time, and the answers
//! that are kept so that the pages of one are cut from one pass.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use daybook_domain::PartyId;
use daybook_projections::metrics::{Cells, Most};
use parking_lot::Mutex;
use tokio::runtime::Handle;

use crate::Shared;
use crate::problem::{Problem, TOO_MANY_WAITING, TOOK_TOO_LONG};
use crate::turns::{Limits, Turn, Turns, Waits};

/// Most memory of what one pass rests on, bytes.
const MOST_BYTES: usize = 512 << 20;
/// Most cells of an answer.
const MOST_CELLS: usize = 200_000;
/// Most memory of these, bytes.
const MOST_ANSWER: usize = 128 << 20;
/// Most memory of the figures kept by day that one answer rests on, bytes.
const MOST_KEPT_BYTES: usize = 256 << 20;
/// Answers that are kept, and bytes of memory of all of them: two of the largest.
const KEPT: usize = 8;
const KEPT_BYTES: usize = 2 * MOST_ANSWER;
/// So many read figures kept by day at the same time: each may take much memory, and few take long.
const KEPT_LIMITS: Limits = Limits { reading: 4, of_one: 32, of_all: 128 };

/// The turns of who reads figures kept by day.
pub(crate) fn kept_turns() -> Turns {
    Turns::new(KEPT_LIMITS)
}

/// How much of the time of a request a pass may take, in hundredths: the rest is for the answer.
const SHARE: u32 = 90;

/// Who waited for this part of the time of a request might have been answered without that.
const MUCH: u32 = 10;

/// Until when a request that begins now may wait for its turn and read.
pub(super) fn until(service: &Shared) -> Instant {
    Instant::now() + service.settings.request_timeout / 100 * SHARE
}

/// How a read may look at much.
pub(super) struct Deep {
    service: Shared,
    until: Instant,
}

impl Deep {
    pub fn of(service: &Shared) -> Self {
        Self { service: Arc::clone(service), until: until(service) }
    }

    /// What a pass may take.
    pub fn most(&self) -> Most {
        Most { bytes: MOST_BYTES, cells: MOST_CELLS, answer: MOST_ANSWER, until: Some(self.until) }
    }

    /// An answer from figures kept by day, made when it is this caller's turn. On a thread that may block.
    pub fn kept<T>(
        &self,
        caller: PartyId,
        make: impl FnOnce(Most) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let (_turn, waited) = self.turn(&self.service.kept, caller)?;
        let made = make(Most { bytes: MOST_KEPT_BYTES, ..self.most() });
        made.map_err(|problem| after_waiting(waited, self.service.settings.request_timeout, problem))
    }

    /// The answer to a question at a position: one that is kept, or that is made when it is this caller's turn. On a
    /// thread that may block.
    pub fn answer(
        &self,
        caller: PartyId,
        (question, position): (&str, u64),
        make: impl FnOnce(Most) -> Result<Cells, Problem>,
    ) -> Result<Arc<Cells>, Problem> {
        let answers = &self.service.answers;
        if let Some(known) = answers.get(question, position) {
            return Ok(known);
        }
        let (_turn, waited) = self.turn(&self.service.heavy, caller)?;
        // whoever had the turn before may have asked the same
        if let Some(known) = answers.get(question, position) {
            return Ok(known);
        }
        let made = make(self.most());
        let made =
            made.map_err(|problem| after_waiting(waited, self.service.settings.request_timeout, problem));
        let made = Arc::new(made?);
        answers.keep(question, position, &made);
        Ok(made)
    }

    /// A turn, and how long it was waited for.
    fn turn(&self, turns: &Turns, caller: PartyId) -> Result<(Turn, Duration), Problem> {
        let asked = Instant::now();
        let until = tokio::time::Instant::from_std(self.until);
        let turn = Handle::current().block_on(turns.wait_until(caller, Waits::WithinLimits, until))?;
        Ok((turn, asked.elapsed()))
    }
}

/// What is to be said of a pass that was late: where much of a request's time went by waiting, that it may come again.
fn after_waiting(waited: Duration, of: Duration, problem: Problem) -> Problem {
    if !problem.is(TOOK_TOO_LONG) || waited <= of / MUCH {
        return problem;
    }
    let detail = format!(
        "others, or other requests of this key, were reading as much for {:.1} s, and the rest of the time was too short: \
         ask again later",
        waited.as_secs_f64()
    );
    Problem::new(TOO_MANY_WAITING, detail).retry_after(30)
}

/// Answers that took long, the newest last.
#[derive(Debug, Default)]
pub(crate) struct Answers(Mutex<VecDeque<Answer>>);

#[derive(Debug)]
struct Answer {
    question: String,
    position: u64,
    cells: Arc<Cells>,
}

impl Answers {
    fn get(&self, question: &str, position: u64) -> Option<Arc<Cells>> {
        let answers = self.0.lock();
        let found = answers.iter().find(|of| of.question == question && of.position == position);
        found.map(|of| Arc::clone(&of.cells))
    }

    fn keep(&self, question: &str, position: u64, cells: &Arc<Cells>) {
        let mut answers = self.0.lock();
        answers.push_back(Answer { question: question.to_owned(), position, cells: Arc::clone(cells) });
        let of = |answers: &VecDeque<Answer>| answers.iter().map(|of| of.cells.bytes()).sum::<usize>();
        while answers.len() > KEPT || of(&answers) > KEPT_BYTES {
            answers.pop_front();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use daybook_domain::{Currency, Money};
    use daybook_projections::metrics::Cell;

    use super::*;

    fn answer(rows: usize, word: usize) -> Arc<Cells> {
        let zero = Money::zero(Currency::new("CNY").unwrap());
        let cell = Cell {
            uv: 0,
            new_uv: 0,
            bouncers: 0,
            pv: 0,
            views: 0,
            visits: 0,
            bounces: 0,
            stay: 0,
            buyers: 0,
            orders: 0,
            gmv: zero,
            order_value: zero,
            refunded: zero,
            reported: None,
        };
        let cells = (0..rows).map(|_| (vec!["p".repeat(word)], cell)).collect();
        Arc::new(Cells { cells, total: cell, reported: cell, untracked: cell })
    }

    #[test]
    fn who_waited_and_was_late_may_come_again_and_who_was_late_alone_may_not() {
        let told = |kind, waited| {
            let said = Problem::new(kind, "no answer");
            after_waiting(Duration::from_secs(waited), Duration::from_secs(30), said)
        };
        let late = told(TOOK_TOO_LONG, 20);
        assert!(late.is(TOO_MANY_WAITING));
        let said = format!("{late:?}");
        assert!(said.contains("for 20.0 s") && said.contains("retry_after: Some(30)"), "{said}");
        assert!(told(TOOK_TOO_LONG, 1).is(TOOK_TOO_LONG));
        assert!(told(crate::problem::BAD_REQUEST, 20).is(crate::problem::BAD_REQUEST));
    }

    #[test]
    fn answers_are_kept_as_far_as_there_is_room_for_their_words_too_and_the_newest_stays() {
        let answers = Answers::default();
        let known = |n: u64| answers.get("q", n).is_some();
        let few = answer(1, 10);
        (1..=10).for_each(|n| answers.keep("q", n, &few));
        assert_eq!((known(2), known(3), known(10)), (false, true, true));
        // few rows, and long words
        let long = answer(50, 2 << 20);
        assert!(long.bytes() > 100 << 20 && long.bytes() <= MOST_ANSWER);
        (11..=13).for_each(|n| answers.keep("q", n, &long));
        assert_eq!((known(10), known(11), known(12), known(13)), (false, false, true, true));
    }
}
