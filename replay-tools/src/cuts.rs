//! The cuts of the books, for every subcommand that answers as of a moment.

use daybook_journal::Position;
use daybook_market::{Calendar, When};
use daybook_projections::{AsOf, ReadModels};

use crate::failure::Failure;

/// As of when: the cuts given all hold, so that one may ask for a day as it was known on another.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "As of when")]
pub struct Cuts {
    /// As of the end of this business day, or of this instant (RFC 3339): what is booked by then
    ///
    /// A day is a day of the market's time zone. What was reported late counts where it is booked; orders and
    /// counts of merchants go by when things happened.
    #[arg(long, value_name = "DAY|TIME")]
    as_of: Option<When>,
    /// As known at the end of this day, or at this instant: what had been recorded by then
    #[arg(long, value_name = "DAY|TIME")]
    known_at: Option<When>,
    /// After the event at this position of the journal
    #[arg(long, value_name = "POSITION")]
    at_position: Option<Position>,
}

impl Cuts {
    /// The moment that was asked for.
    pub fn at(&self, models: &ReadModels) -> Result<AsOf, Failure> {
        let head = models.freshness()?.head;
        if let Some(position) = self.at_position.filter(|position| *position > head) {
            let why = format!("--at-position {position} lies beyond the journal's head, which is {head}");
            return Err(Failure::Refused(why));
        }
        let days = [self.as_of, self.known_at].iter().any(|cut| matches!(cut, Some(When::Day(_))));
        // instants need no time zone
        let calendar = if days { calendar(models)? } else { Calendar::UTC };
        let end = |when: Option<When>| when.map(|when| when.end(calendar).0);
        Ok(AsOf { position: self.at_position, known: end(self.known_at), business: end(self.as_of) })
    }
}

/// The calendar of the market's business days.
pub fn calendar(models: &ReadModels) -> Result<Calendar, Failure> {
    Calendar::of(&models.world()?.time_zone).map_err(Failure::Unavailable)
}
