//! How far a target is reached.

use chrono::NaiveDate;

use super::{Beyond, Counts, Fraction, Kind, Sense, Target};

/// Where a target's time stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its first day is yet to come.
    NotBegun,
    /// Part of its days are over.
    Running,
    /// All of them are.
    Over,
}

impl State {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotBegun => "not_begun",
            Self::Running => "running",
            Self::Over => "over",
        }
    }
}

/// How far a target is reached by a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attained {
    /// Where its time stands.
    pub state: State,
    /// Its days.
    pub days: u32,
    /// Of them, those so far.
    pub elapsed: u32,
    /// The target to date: of what adds up the part that the days so far are of all, of levels and ratios the whole.
    pub to_date: Option<Fraction>,
    /// What it came to so far; none where there is nothing to divide by.
    pub actual: Option<Fraction>,
    /// Actual / target to date.
    pub attainment: Option<Fraction>,
    /// What it comes to by its last day if it goes on as in its days so far. Of what is distinct that is the most it
    /// can come to.
    pub forecast: Option<Fraction>,
    /// Whether the target to date is met.
    pub met: Option<bool>,
}

impl Target {
    /// Holds it against what its days through today came to.
    ///
    /// # Errors
    /// [`Beyond`].
    pub fn attained(&self, today: NaiveDate, so_far: &Counts) -> Result<Attained, Beyond> {
        let days = self.days.count();
        let Some(span) = self.days.through(today) else {
            let state = State::NotBegun;
            return Ok(Attained {
                state,
                days,
                elapsed: 0,
                to_date: None,
                actual: None,
                attainment: None,
                forecast: None,
                met: None,
            });
        };
        let elapsed = span.count();
        let state = if elapsed == days { State::Over } else { State::Running };
        let grows = matches!(self.metric.kind(), Kind::Sum | Kind::Distinct);
        let part = if grows { Fraction::new(elapsed.into(), days.into()) } else { None };
        let part = part.unwrap_or(Fraction::whole(1));
        let to_date = self.value.times(part).ok_or(Beyond)?;
        let actual = self.metric.actual(so_far);
        let forecast = match actual {
            None => None,
            Some(actual) => Some(actual.by(part).ok_or(Beyond)?),
        };
        let attainment = match actual.filter(|_| to_date != Fraction::ZERO) {
            None => None,
            Some(actual) => Some(actual.by(to_date).ok_or(Beyond)?),
        };
        let met = actual.map(|actual| self.meets(actual, to_date, state));
        Ok(Attained { state, days, elapsed, to_date: Some(to_date), actual, attainment, forecast, met })
    }

    /// Whether a value meets the target to date. More than a part of the target is asked for once all of its days are
    /// over; until then the part itself is on course.
    fn meets(&self, actual: Fraction, to_date: Fraction, state: State) -> bool {
        let grows = matches!(self.metric.kind(), Kind::Sum | Kind::Distinct);
        match self.sense {
            Sense::MoreThan if grows && state == State::Running => actual >= to_date,
            sense => sense.met(actual, to_date),
        }
    }
}
