//! A read that looks at rows where they tell and at the journal where they do not: its turn, its time, and the answers
//! that are kept so that the pages of one are cut from one pass.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use daybook_domain::PartyId;
use daybook_projections::metrics::{Cells, Most};
use parking_lot::Mutex;
use tokio::runtime::Handle;

use crate::Shared;
use crate::problem::{Problem, TOO_MANY_WAITING};
use crate::turns::{Turn, Waits};

/// Most memory of what one pass rests on, bytes.
const MOST_BYTES: usize = 512 << 20;
/// Most cells of an answer.
const MOST_CELLS: usize = 200_000;
/// Answers that are kept, and cells of all of them.
const KEPT: usize = 8;
const KEPT_CELLS: usize = 400_000;
/// How much of the time of a request a pass may take, in hundredths: the rest is for the answer.
const SHARE: u32 = 90;

/// How a read may look at much.
pub(super) struct Deep {
    service: Shared,
    until: Instant,
}

impl Deep {
    pub fn of(service: &Shared) -> Self {
        let time = service.settings.request_timeout;
        let until = Instant::now() + time / 100 * SHARE;
        Self { service: Arc::clone(service), until }
    }

    /// What a pass may take.
    pub fn most(&self) -> Most {
        Most { bytes: MOST_BYTES, cells: MOST_CELLS, until: Some(self.until) }
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
        let _turn = self.turn(caller)?;
        // whoever had the turn before may have asked the same
        if let Some(known) = answers.get(question, position) {
            return Ok(known);
        }
        let made = Arc::new(make(self.most())?);
        answers.keep(question, position, &made);
        Ok(made)
    }

    fn turn(&self, caller: PartyId) -> Result<Turn, Problem> {
        let until = tokio::time::Instant::from_std(self.until);
        let turn = async {
            tokio::time::timeout_at(until, self.service.heavy.wait(caller, Waits::WithinLimits)).await
        };
        Handle::current().block_on(turn).unwrap_or_else(|_| {
            let detail = "others are reading the journal: ask again later";
            Err(Problem::new(TOO_MANY_WAITING, detail).retry_after(30))
        })
    }
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
        let of = |answers: &VecDeque<Answer>| answers.iter().map(|of| of.cells.cells.len()).sum::<usize>();
        while answers.len() > KEPT || of(&answers) > KEPT_CELLS {
            answers.pop_front();
        }
    }
}
