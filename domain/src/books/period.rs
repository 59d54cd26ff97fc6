//! Accounting periods: calendar months.

use crate::time::DAY;
use crate::{Code, Rejection, Timestamp};

/// A calendar month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    /// The year.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
}

impl Month {
    /// Reads `2018-05`.
    ///
    /// # Errors
    /// `period_malformed`.
    pub fn parse(code: Code) -> Result<Self, Rejection> {
        let text = code.as_str().as_bytes();
        let number = |digits: &[u8]| {
            digits.iter().try_fold(0u16, |n, b| b.is_ascii_digit().then(|| n * 10 + u16::from(b - b'0')))
        };
        let month = match text {
            [y @ .., b'-', m1, m2] if y.len() == 4 => number(y).zip(number(&[*m1, *m2])),
            _ => None,
        };
        match month {
            Some((year, month @ 1..=12)) => Ok(Self { year, month: month as u8 }),
            _ => {
                let message = format!("period {code} is not a month: write it as 2018-05");
                Err(Rejection::new("period_malformed", message))
            }
        }
    }

    /// The month after.
    #[must_use]
    pub const fn next(self) -> Self {
        if self.month == 12 {
            Self { year: self.year + 1, month: 1 }
        } else {
            Self { year: self.year, month: self.month + 1 }
        }
    }

    /// Whether `at` can be its first instant in some time zone of the earth: zones lie within 14 hours of UTC.
    #[must_use]
    pub fn may_start_at(self, at: Timestamp) -> bool {
        let first = Timestamp::parse(&format!("{:04}-{:02}-01T00:00:00Z", self.year, self.month));
        first.is_ok_and(|utc| at.0.abs_diff(utc.0) <= (DAY / 24 * 14) as u64)
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}
