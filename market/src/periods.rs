//! Accounting periods: what closing a month says of its books, and which months were closed.

use std::ops::ControlFlow;

use daybook_commands::{CommandError, Executed};
use daybook_domain::books::Month;
use daybook_domain::books::commands::{BooksCommand, ClosingBooks};
use daybook_domain::books::events::StatementSeal;
use daybook_domain::{Code, Event, EventKind, MarketId, PartyId, Reference, Rejection, Timestamp};
use daybook_journal::{Filter, Journal, Position};
use daybook_projections::{AsOf, Calendar, ReadModels};

use crate::proven::seal;
use crate::stream::visit;
use crate::{AnyCommand, AnyRequest, Market, MarketError};

/// How often a month is closed again because something was booked in it meanwhile.
const TRIES: u32 = 8;

/// The code of a close whose digest leaves out what is booked in its period.
const OUTDATED: &str = "books_moved_on";

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
    /// What it commits to of merchants' statements.
    pub seal: Option<StatementSeal>,
    /// Where the close stands in the journal.
    pub position: Position,
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
    through(journal, market, Position::MAX)
}

/// The months that were closed and not opened again, by the events through a position.
///
/// # Errors
/// [`MarketError`] when the journal cannot be read.
pub fn in_force(
    journal: &dyn Journal,
    market: MarketId,
    position: Position,
) -> Result<Vec<Period>, MarketError> {
    let mut closed = through(journal, market, position)?;
    closed.retain(|period| period.reopened.is_none());
    Ok(closed)
}

fn through(journal: &dyn Journal, market: MarketId, last: Position) -> Result<Vec<Period>, MarketError> {
    let mut periods = Vec::<Period>::new();
    visit(journal, &format!("books-{market}"), &mut |event, stored| {
        if stored.position > last {
            return;
        }
        let happened = Timestamp(stored.occurred_at);
        match event {
            Event::PeriodClosed(e) => periods.push(Period {
                period: e.period,
                until: e.until,
                closed_at: happened,
                by: e.by,
                digest: e.digest,
                through: e.through.unwrap_or_else(|| stored.position.saturating_sub(1)),
                seal: e.seal,
                position: stored.position,
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

/// What closes a month of a market: its end in the market's time zone, the digest of its trial balance as `models` have it now, and
/// the seal of merchants' statements.
fn drawn_up(
    models: &ReadModels,
    market: MarketId,
    calendar: Calendar,
    month: Month,
) -> Result<BooksCommand, MarketError> {
    let unavailable = |why: String| MarketError::Unavailable(why);
    let through = models.catch_up(&mut |_| {}).map_err(|e| unavailable(e.to_string()))?.applied;
    let at = AsOf { business: Some(calendar.end_of_month(month).0), ..AsOf::position(through) };
    let books = models.trial_balance(at).map_err(|e| unavailable(e.to_string()))?;
    let period = Code::new(&month.to_string()).map_err(|e| unavailable(e.to_string()))?;
    let digest = Reference::new(&books.digest()).map_err(|e| unavailable(e.to_string()))?;
    let until = calendar.start_of_month(month.next());
    let before = in_force(models.journal().as_ref(), market, through)?.pop();
    let from = before.as_ref().map_or(i64::MIN, |before| before.until.0);
    let before = before.map(|before| (before.period, before.position));
    let seal = seal(models, (from, until.0), through, before).map_err(|e| unavailable(e.to_string()))?;
    let books = Some(Box::new(ClosingBooks { until, digest, through, seal }));
    Ok(BooksCommand::ClosePeriod { period, books })
}

impl Market {
    /// What closes a month: its end in the market's time zone, the digest of its trial balance and the seal of merchants' statements
    /// as `models`, which follow this market, have them now. What is booked in the month after that makes it outdated: it is refused.
    ///
    /// # Errors
    /// [`MarketError`] when the market or its read models cannot be read.
    pub fn closing(&self, models: &ReadModels, month: Month) -> Result<BooksCommand, MarketError> {
        drawn_up(models, self.id(), self.calendar()?, month)
    }

    /// Closes a month with the books as they are: where something is booked in it between the digest and the close,
    /// with the books as they are then. `request` says who closes it.
    ///
    /// # Errors
    /// As [`closing`](Self::closing) and [`execute`](Self::execute).
    pub async fn close(
        &self,
        models: &ReadModels,
        month: Month,
        request: impl Fn(BooksCommand) -> AnyRequest,
    ) -> Result<Executed, MarketError> {
        let mut tries = 1;
        loop {
            let (models, market, calendar) = (models.clone(), self.id(), self.calendar()?);
            // sums up all that merchants had in the month: others are not to wait for that
            let drawn = tokio::task::spawn_blocking(move || drawn_up(&models, market, calendar, month)).await;
            let drawn =
                drawn.map_err(|error| MarketError::Unavailable(format!("closing failed: {error}")))?;
            match self.carry_out(request(drawn?)).await {
                Err(MarketError::Command(CommandError::Rejected(why)))
                    if why.code == OUTDATED && tries < TRIES =>
                {
                    tries += 1;
                }
                done => return done,
            }
        }
    }

    /// The month that a request asks to close, where its books are still to be drawn up; none where the books stream says no
    /// already, or has closed it.
    pub(crate) fn to_be_closed(&self, request: &AnyRequest) -> Result<Option<Month>, MarketError> {
        let AnyCommand::Books { id, command: BooksCommand::ClosePeriod { period, books: None } } =
            &request.command
        else {
            return Ok(None);
        };
        let closed = self.commands().state::<daybook_domain::books::Books>(*id)?.0.last_closed();
        let month = Month::parse(*period).ok().filter(|_| *id == self.id());
        let next = closed.and_then(|last| Month::parse(last).ok()).map(Month::next);
        Ok(month.filter(|month| next.is_none_or(|next| next == *month)))
    }

    /// Refuses a close whose digest does not count all that is booked in the period: with a sentence that helps. What is being
    /// written at this very moment by another is not seen here; the journal's writer holds the close to it once more.
    pub(crate) fn counts_all(&self, command: &AnyCommand) -> Result<(), MarketError> {
        let AnyCommand::Books { id, command } = command else { return Ok(()) };
        let BooksCommand::ClosePeriod { period, books: Some(books) } = command else { return Ok(()) };
        let ClosingBooks { until, through, .. } = &**books;
        let head = self.journal().head()?;
        if *through >= head {
            return Ok(());
        }
        // where the period is closed already, this is the close sent again: what came later is booked after it
        let open_from = self.commands().state::<daybook_domain::books::Books>(*id)?.0.closed_until();
        let kinds = EventKind::ALL.iter().filter(|kind| kind.posts()).map(|kind| kind.as_str().into());
        let money = Filter { kinds: Some(kinds.collect()), categories: None };
        let mut left_out = None;
        self.journal().scan(*through, Some(head), &money, &mut |stored| {
            if Some(Timestamp(stored.occurred_at)).max(open_from) >= Some(*until) {
                return ControlFlow::Continue(());
            }
            left_out = Some(stored.position);
            ControlFlow::Break(())
        })?;
        let Some(position) = left_out else { return Ok(()) };
        let message = format!(
            "through {through} leaves out what was booked in {period} at position {position}: close it with the books \
             as they are now"
        );
        Err(CommandError::Rejected(Rejection::new(OUTDATED, message)).into())
    }
}
