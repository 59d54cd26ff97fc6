//! The figures of a market's pack: one function of its lines.

mod cohorts;
mod course;
mod months;
mod ranks;
mod tables;

use super::definitions::MARKET_DEFINITIONS_VERSION;
use super::facts::{MarketFacts, SUBJECT};
use crate::figures::Out;
use crate::{Figures, PackError};
use months::Months;

/// Most months of a pack.
const MOST_MONTHS: usize = 1_200;

impl Figures {
    /// Makes a market's of its lines.
    ///
    /// # Errors
    /// [`PackError`] where the lines are of months that are not the pack's.
    pub fn of_market(facts: &MarketFacts) -> Result<Self, PackError> {
        if facts.subject.months().count() > MOST_MONTHS {
            let why = format!("it tells of more than {MOST_MONTHS} months");
            return Err(PackError::malformed(SUBJECT, why));
        }
        let months = Months::of(facts)?;
        let mut out = Out::default();
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
