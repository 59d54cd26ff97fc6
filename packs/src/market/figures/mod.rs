//! The figures of a market's pack: one function of its lines.

mod cohorts;
mod course;
mod months;
mod ranks;
mod tables;

use super::definitions::MARKET_DEFINITIONS_VERSION;
use super::facts::MarketFacts;
use crate::figures::Out;
use crate::{Figures, PackError};
use months::Months;

impl Figures {
    /// Makes a market's of its lines.
    ///
    /// # Errors
    /// [`PackError`] where the lines are of months that are not the pack's.
    pub fn of_market(facts: &MarketFacts) -> Result<Self, PackError> {
        let months = Months::of(facts)?;
        let mut out = Out::default();
        let measured = facts.subject.measured();
        out.figure("market.measured.from", (measured <= facts.subject.to).then(|| measured.to_string()));
        months.tell(&mut out);
        ranks::tell(facts, &months, &mut out);
        cohorts::tell(facts, &mut out)?;
        course::tell(facts, &months, &mut out);
        let subject = &facts.subject;
        Ok(Self {
            definitions: MARKET_DEFINITIONS_VERSION,
            currency: subject.currency.as_str().to_owned(),
            from: subject.from.to_string(),
            to: subject.to.to_string(),
            figures: out.figures,
            tables: out.tables,
        })
    }
}
