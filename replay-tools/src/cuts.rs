//! The cuts of the books, for every subcommand that answers as of a moment.

use chrono::NaiveDate;
use daybook_commands::{Clock, SystemClock};
use daybook_domain::books::Month;
use daybook_domain::{Code, Timestamp};
use daybook_journal::{Micros, Position};
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
        self.of(models.freshness()?.head, || Ok(models.calendar()?))
    }

    /// The same of a journal with this head, whose market has this calendar.
    pub fn of(
        &self,
        head: Position,
        calendar: impl FnOnce() -> Result<Calendar, Failure>,
    ) -> Result<AsOf, Failure> {
        if let Some(position) = self.at_position.filter(|position| *position > head) {
            let why = format!("--at-position {position} lies beyond the journal's head, which is {head}");
            return Err(Failure::Refused(why));
        }
        let days = [self.as_of, self.known_at].iter().any(|cut| matches!(cut, Some(When::Day(_))));
        // instants need no time zone
        let calendar = if days { calendar()? } else { Calendar::UTC };
        let end = |when: Option<When>| when.map(|when| when.end(calendar).0);
        Ok(AsOf { position: self.at_position, known: end(self.known_at), business: end(self.as_of) })
    }
}

impl Cuts {
    /// The moment that was asked for, and the last business day that was over by then: of a day that is not, nobody knows
    /// yet what it comes to.
    pub fn moment(&self, models: &ReadModels) -> Result<(AsOf, NaiveDate), Failure> {
        let at = self.at(models)?;
        Ok((at, last_over(at, models.calendar()?)))
    }
}

/// The last business day that was over by a moment.
pub fn last_over(at: AsOf, calendar: Calendar) -> NaiveDate {
    let now = [Some(SystemClock.now()), at.business, at.known].into_iter().flatten().min();
    let Some(now) = now.map(Timestamp) else { return NaiveDate::MIN };
    let day = calendar.day(now);
    let over = if calendar.end_of(day) <= now { Some(day) } else { day.pred_opt() };
    over.unwrap_or(NaiveDate::MIN)
}

/// A month as an argument.
pub fn month(text: &str) -> Result<Month, String> {
    let code = Code::new(text).map_err(|error| error.to_string())?;
    Month::parse(code).map_err(|refused| refused.message.into_owned())
}

/// From when to when, as known when.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Span {
    /// A month of the market's time zone, such as 2018-05
    #[arg(long, value_name = "MONTH", value_parser = month, conflicts_with_all = ["from", "to"])]
    period: Option<Month>,
    /// From the start of this business day, or from this instant
    #[arg(long, value_name = "DAY|TIME")]
    from: Option<When>,
    /// Through the end of this business day, or through this instant
    #[arg(long, value_name = "DAY|TIME")]
    to: Option<When>,
    #[command(flatten)]
    cuts: Cuts,
}

impl Span {
    /// The first instant, where one was given, and the moment, whose business time is the last instant.
    pub fn asked(&self, models: &ReadModels) -> Result<(Option<Micros>, AsOf), Failure> {
        let calendar = models.calendar()?;
        let mut at = self.cuts.at(models)?;
        let from = match self.period {
            Some(month) => Some(calendar.start_of_month(month)),
            None => self.from.map(|when| when.start(calendar)),
        };
        let to = match self.period {
            Some(month) => Some(calendar.end_of_month(month)),
            None => self.to.map(|when| when.end(calendar)),
        };
        if let Some(from) = from.filter(|from| *from > Timestamp(SystemClock.now())) {
            return Err(match self.period {
                Some(month) => Failure::Refused(format!("period {month} has not begun: it begins at {from}")),
                None => Failure::Refused(format!("--from {from} lies in the future")),
            });
        }
        if let Some((from, to)) = from.zip(to).filter(|(from, to)| from > to) {
            return Err(Failure::Usage(format!(
                "--from {from} lies after --to {to}: nothing is between them"
            )));
        }
        at.business = [at.business, to.map(|to| to.0)].into_iter().flatten().min();
        Ok((from.map(|from| from.0), at))
    }
}
