//! Where figures come from: what is kept by day, where that tells, else one pass over the journal.

use daybook_domain::Currency;
use daybook_metrics::attribution::DEFAULT_LOOK_BACK;
use daybook_projections::metrics::{Cells, Days, Dimension, Explanation, Question};
use daybook_projections::{AsOf, ReadModels};

use crate::cli::Global;
use crate::failure::Failure;
use crate::figures::{Rules, tell_unclear};

/// An answer, and what gave it: `kept` or `journal`.
pub struct Sourced<T> {
    pub answer: T,
    pub source: &'static str,
}

impl Rules {
    /// Figures of some days.
    pub fn cells(
        &self,
        global: &Global,
        models: &ReadModels,
        (days, by): (Days, &[Dimension]),
        at: AsOf,
    ) -> Result<Sourced<Cells>, Failure> {
        let question = |currency| self.question(days, by, currency);
        if self.may_be_kept(models, at)? {
            let asked = question(self.currency_of(&models.kept_currencies()?)?);
            if let Some(answer) = models.kept_cells(&asked)? {
                return Ok(Sourced { answer, source: "kept" });
            }
        }
        let (history, currency) = self.history(global, models, (days.from, DEFAULT_LOOK_BACK), at)?;
        if by.contains(&Dimension::SalesChannel) {
            tell_unclear(&history, days);
        }
        Ok(Sourced { answer: history.cells(&question(currency))?, source: "journal" })
    }

    /// A change between two ranges of days, explained.
    pub fn explanation(
        &self,
        global: &Global,
        models: &ReadModels,
        (before, days, by): (Days, Days, &[Dimension]),
        at: AsOf,
    ) -> Result<Sourced<Explanation>, Failure> {
        let question = |currency| self.question(days, by, currency);
        if self.may_be_kept(models, at)? {
            let asked = question(self.currency_of(&models.kept_currencies()?)?);
            if let Some(answer) = models.kept_explanation(before, &asked)? {
                return Ok(Sourced { answer, source: "kept" });
            }
        }
        let first = before.from.min(days.from);
        let (history, currency) = self.history(global, models, (first, DEFAULT_LOOK_BACK), at)?;
        if by.contains(&Dimension::SalesChannel) {
            tell_unclear(&history, before);
            tell_unclear(&history, days);
        }
        Ok(Sourced { answer: history.explain(before, &question(currency))?, source: "journal" })
    }

    fn question(&self, days: Days, by: &[Dimension], currency: Currency) -> Question {
        Question { days, by: by.to_vec(), sessions: self.sessions(), currency }
    }

    /// What is kept is kept of now, and by the lists of the read models.
    fn may_be_kept(&self, models: &ReadModels, at: AsOf) -> Result<bool, Failure> {
        Ok(at == AsOf::HEAD && self.are_of(models)?)
    }
}
