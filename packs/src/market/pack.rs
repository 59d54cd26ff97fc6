//! The market's pack as files, and the check of them.

use super::facts::SUBJECT;
use super::{MarketFacts, joined, market_definitions};
use crate::files::Checked;
use crate::{Figures, Pack, PackError};

impl Pack {
    /// A market's pack of lines, their figures, and more files that are drawn from both.
    ///
    /// # Errors
    /// [`PackError`].
    pub fn of_market(
        facts: &MarketFacts,
        figures: &Figures,
        more: Vec<(String, Vec<u8>)>,
    ) -> Result<Self, PackError> {
        Self::listed(facts.write()?, figures, &market_definitions(), more)
    }

    /// Whether it says that it is a market's, not a merchant's.
    #[must_use]
    pub fn is_of_market(&self) -> bool {
        self.file(SUBJECT).is_some()
    }

    /// Its lines, where it is a market's.
    ///
    /// # Errors
    /// [`PackError`].
    pub fn market_facts(&self) -> Result<MarketFacts, PackError> {
        MarketFacts::read(&|name| {
            self.file(name).ok_or_else(|| PackError::malformed(name, "the pack does not have it"))
        })
    }

    /// As [`check`](Self::check), of a market's pack.
    #[must_use]
    pub fn check_market(&self) -> Checked<MarketFacts> {
        let mut wrong = Vec::new();
        self.check_list(&mut wrong);
        let facts = self.market_facts().map_err(|error| wrong.push(error.to_string())).ok();
        let mut figures = None;
        if let Some(facts) = &facts {
            let sound = joined::check(facts, &mut wrong);
            match sound.then(|| Figures::of_market(facts)).transpose() {
                // of lines that are of nothing in the pack no figures are made
                Ok(None) => {}
                Ok(Some(made)) => {
                    self.check_figures(facts.subject.definitions, &made, &market_definitions(), &mut wrong);
                    figures = Some(made);
                }
                Err(error) => wrong.push(error.to_string()),
            }
        }
        Checked { facts, figures, wrong }
    }
}
