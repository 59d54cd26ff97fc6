//! Which months of a pack's account a proven statement can speak for.

use chrono::NaiveDate;
use daybook_domain::MarketId;
use daybook_domain::books::Month;
use daybook_journal::{Journal, Position};
use daybook_packs::{SealedMonths, Subject};

use crate::periods::in_force;
use crate::{Calendar, MarketError};

/// The months of these days that were closed and sealed by the events through a position, and not opened again: from the first that
/// every close since has sealed to the last that is closed.
pub(super) fn sealed_months(
    journal: &dyn Journal,
    market: MarketId,
    calendar: Calendar,
    (from, to): (NaiveDate, NaiveDate),
    through: Position,
) -> Result<Option<SealedMonths>, MarketError> {
    let month = |day: NaiveDate| calendar.month(calendar.start_of(day));
    let (mut first, mut last) = (month(from), None);
    for close in in_force(journal, market, through)? {
        let Ok(closed) = Month::parse(close.period) else { continue };
        match &close.seal {
            // months before this close's own were closed before statements were sealed
            Some(seal) => {
                let after = seal.after.and_then(|after| Month::parse(after).ok());
                if last.is_none() {
                    first = first.max(after.map_or(first, Month::next));
                }
                last = Some(closed);
            }
            None => {
                (first, last) = (first.max(closed.next()), None);
            }
        }
    }
    let last = last.map(|last| last.min(month(to))).filter(|last| first <= *last);
    Ok(last.map(|last| SealedMonths { from: first.to_string(), through: last.to_string() }))
}

/// Where the journal has the last close of the books that a pack's days reach and that sealed no statements, where one is in force: what was
/// closed with it and before cannot be proved to be complete. Where the pack names no sealed month, behind the closes since, the last first.
///
/// # Errors
/// [`MarketError`] where the books cannot be read.
pub fn unsealed_closes(
    journal: &dyn Journal,
    calendar: Calendar,
    subject: &Subject,
) -> Result<Vec<Position>, MarketError> {
    let first = calendar.month(calendar.start_of(subject.from));
    let market = crate::Options::default().market;
    let mut closes = in_force(journal, market, subject.through)?;
    closes.retain(|close| Month::parse(close.period).is_ok_and(|closed| closed >= first));
    let Some(last) = closes.iter().rposition(|close| close.seal.is_none()) else { return Ok(Vec::new()) };
    let through = if subject.sealed.is_some() { last + 1 } else { closes.len() };
    Ok(closes[last..through].iter().rev().map(|close| close.position).collect())
}
