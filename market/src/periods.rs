//! Accounting periods: what closing a month says of its books, and which months were closed.

use daybook_domain::books::Month;
use daybook_domain::books::commands::BooksCommand;
use daybook_domain::{Code, Event, MarketId, PartyId, Reference, Timestamp};
use daybook_journal::{Journal, Position};
use daybook_projections::{AsOf, ReadModels};

use crate::stream::visit;
use crate::{Market, MarketError};

/// A month that was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// The month.
    pub period: Code,
    /// Start of the next month.
    pub until: Timestamp,
    /// When it was closed, in business time.
    pub closed_at: Timestamp,
    /// Who closed it.
    pub by: PartyId,
    /// Digest of its trial balance.
    pub digest: Reference,
    /// The digest counts the events through this position.
    pub through: Position,
    /// How it was opened again.
    pub reopened: Option<Reopened>,
}

/// How a closed month was opened again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reopened {
    /// When, in business time.
    pub at: Timestamp,
    /// Who asked for it.
    pub by: PartyId,
    /// Who approved it.
    pub approved_by: PartyId,
    /// Why.
    pub reason: String,
}

/// The months that were closed, in the order in which that was recorded.
///
/// # Errors
/// [`MarketError`] when the journal cannot be read.
pub fn periods(journal: &dyn Journal, market: MarketId) -> Result<Vec<Period>, MarketError> {
    let mut periods = Vec::<Period>::new();
    visit(journal, &format!("books-{market}"), &mut |event, stored| {
        let happened = Timestamp(stored.occurred_at);
        match event {
            Event::PeriodClosed(e) => periods.push(Period {
                period: e.period,
                until: e.until,
                closed_at: happened,
                by: e.by,
                digest: e.digest,
                through: e.through.unwrap_or_else(|| stored.position.saturating_sub(1)),
                reopened: None,
            }),
            Event::PeriodReopened(e) => {
                let last = periods.iter_mut().rev().find(|p| p.period == e.period && p.reopened.is_none());
                if let Some(period) = last {
                    let (by, approved_by, reason) = (e.by, e.approved_by, e.reason);
                    period.reopened = Some(Reopened { at: happened, by, approved_by, reason });
                }
            }
            _ => {}
        }
    })?;
    Ok(periods)
}

impl Market {
    /// What closes a month: its end in the market's time zone, and the digest of its trial balance as `models`, which
    /// follow this market, have it now. An event recorded after that and before the close is not in the digest, and
    /// need not be: the digest says through which position it counts.
    ///
    /// # Errors
    /// [`MarketError`] when the market or its read models cannot be read.
    pub fn closing(&self, models: &ReadModels, month: Month) -> Result<BooksCommand, MarketError> {
        let calendar = self.calendar()?;
        let unavailable = |why: String| MarketError::Unavailable(why);
        let through = models.catch_up(&mut |_| {}).map_err(|e| unavailable(e.to_string()))?.applied;
        let at = AsOf { business: Some(calendar.end_of_month(month).0), ..AsOf::position(through) };
        let books = models.trial_balance(at).map_err(|e| unavailable(e.to_string()))?;
        let period = Code::new(&month.to_string()).map_err(|e| unavailable(e.to_string()))?;
        let digest = Reference::new(&books.digest()).map_err(|e| unavailable(e.to_string()))?;
        let until = calendar.start_of_month(month.next());
        Ok(BooksCommand::ClosePeriod { period, until, digest, through: Some(through) })
    }
}
