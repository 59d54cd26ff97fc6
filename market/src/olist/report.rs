//! What an import did, and what it found.

use daybook_domain::Rate;
use serde::Serialize;

use super::findings::{Finding, Findings};
use super::plan::Plan;
use super::totals::Totals;
use crate::MarketError;

/// Refused commands shown in a report.
pub const REFUSALS_SHOWN: usize = 100;

/// What an import did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// True when all of the input has been recorded. If false, running the import again goes on where it ended.
    pub complete: bool,
    /// Events appended by this run; 0 when everything had been recorded before.
    pub events: u64,
    /// Commands that were sent.
    pub commands: u64,
    /// Merchants, leads and checkouts gone through, of [`steps`](Self::steps).
    pub done: u64,
    /// Merchants, leads and checkouts in the input.
    pub steps: u64,
    /// The commission on prices that was applied.
    pub commission: Rate,
    /// What the books must say now, computed from the tables.
    pub totals: Totals,
    /// What is odd in the input, by kind.
    pub findings: Vec<Finding>,
    /// Commands that were refused; what depended on them was not recorded.
    pub refused: u64,
    /// The first [`REFUSALS_SHOWN`] of them.
    pub refusals: Vec<RefusedCommand>,
}

/// A command that a decider refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusedCommand {
    /// The stream it was sent to.
    pub stream: String,
    /// What it was, within the stream.
    pub command: String,
    /// The rejection's code.
    pub code: String,
    /// What it said.
    pub message: String,
}

/// Why an import stopped.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ImportError {
    /// The input is not sound. Nothing was recorded.
    #[error("{0}")]
    Input(#[from] super::table::InputError),
    /// The commission is no rate. Nothing was recorded.
    #[error("commission is {0}: a rate lies between 0 and 1, never in percent")]
    Rate(Rate),
    /// The market could not be opened for it. Nothing was recorded.
    #[error("{0}")]
    Unavailable(String),
    /// The journal holds another import of the same ids: other parameters, or other content.
    #[error(
        "{stream} was imported before with other content or another commission: import with the same \
         parameters, or into another journal"
    )]
    Changed {
        /// The stream.
        stream: String,
        /// What was recorded before that.
        report: Box<Report>,
    },
    /// The journal failed on the way. Run the import again: it goes on where it ended.
    #[error("{cause}; {} of {} steps are recorded: run the import again to go on", report.done, report.steps)]
    Stopped {
        /// What the journal said.
        cause: String,
        /// What was recorded before that.
        report: Box<Report>,
    },
}

impl From<MarketError> for ImportError {
    fn from(error: MarketError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl Report {
    pub(super) fn of(plan: &Plan) -> Self {
        Self {
            complete: false,
            events: 0,
            commands: 0,
            done: 0,
            steps: plan.steps(),
            commission: plan.commission,
            totals: plan.totals.clone(),
            findings: Findings::by_kind(&plan.findings),
            refused: 0,
            refusals: Vec::new(),
        }
    }

    pub(super) fn refuse(&mut self, refusal: RefusedCommand) {
        self.refused += 1;
        if self.refusals.len() < REFUSALS_SHOWN {
            self.refusals.push(refusal);
        }
    }
}
