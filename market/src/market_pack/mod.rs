//! The lines of the market's own pack, drawn from the journal: one pass for what was sold, booked and disputed, one for who came.
//!
//! What is kept is sums by month and merchant, by day and by account, and a few bytes for each order and buyer, so that a long
//! history is drawn in the memory of its orders, not of its events. Nobody is named in what is handed on.

mod cases;
mod sales;
mod traffic;

use std::ops::ControlFlow;

use chrono::NaiveDate;
use daybook_domain::posting::post;
use daybook_domain::{Currency, Event, EventKind, Refs, Timestamp};
use daybook_journal::{Filter, Journal, Position, Recorded};
use daybook_packs::{
    Handed, MARKET_DEFINITIONS_VERSION, MARKET_FORMAT, MarketFacts, MarketSubject, Month, Size,
};
use daybook_projections::metrics::Sites;

use crate::Calendar;
use crate::loan_pack::{LoanPackError, told_by};
use crate::verify::decode;
use cases::Cases;
use sales::Sold;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct MarketAsked {
    /// The first business day.
    pub from: NaiveDate,
    /// The last.
    pub to: NaiveDate,
    /// In which currency; none: the first of the market's.
    pub currency: Option<Currency>,
    /// At this position of the journal; none: at its end.
    pub through: Option<Position>,
    /// By which lists it is told how visitors came: those of the read models.
    pub sites: Sites,
    /// By the clock.
    pub drawn_at: Timestamp,
    /// To whom it is to be issued; none for a draft.
    pub issued: Option<Handed>,
}

/// Which instants are told of, and in which month an instant is.
#[derive(Clone, Copy, Debug)]
struct Window {
    calendar: Calendar,
    from: Timestamp,
    to: Timestamp,
}

impl Window {
    /// The month of an instant, none before the first day.
    fn month(&self, at: Timestamp) -> Option<Month> {
        (at >= self.from).then(|| Month::of(self.calendar.day(at)))
    }

    fn has(&self, at: Timestamp) -> bool {
        self.from <= at && at <= self.to
    }
}

/// Besides those that post to the books, the types that lines rest on.
const KINDS: &[EventKind] = &[
    EventKind::MarketOpened,
    EventKind::PeriodClosed,
    EventKind::PeriodReopened,
    EventKind::MerchantImported,
    EventKind::StoreOpened,
    EventKind::MerchantTerminated,
    EventKind::OrderPlaced,
    EventKind::DisputeOpened,
    EventKind::DisputeRuled,
    EventKind::DisputeAppealed,
    EventKind::DisputeWithdrawn,
    EventKind::DisputeClosed,
    EventKind::ChargebackOpened,
];

/// Draws the lines from the journal; `told` hears how far it is, and of how many events. A size of the market is stated afterwards
/// ([`with_size`]).
///
/// # Errors
/// [`LoanPackError`]; `Unknown` where no market was opened, or it does not trade in the currency.
pub fn draw_market(
    journal: &dyn Journal,
    calendar: Calendar,
    asked: &MarketAsked,
    told: &mut dyn FnMut(Position, Position),
) -> Result<MarketFacts, LoanPackError> {
    let head = crate::loan_pack::reached(journal, asked.through)?;
    let (market, currency, opened_at) = opened(journal, head, asked.currency)?;
    let window = Window { calendar, from: calendar.start_of(asked.from), to: calendar.end_of(asked.to) };
    let mut drawing = Drawing {
        window,
        began: opened_at,
        sold: Sold::new(window, currency),
        cases: Cases::new(window, currency),
    };
    let kinds = EventKind::ALL.iter().filter(|kind| kind.posts() || KINDS.contains(kind));
    let filter = Filter { kinds: Some(kinds.map(|kind| kind.as_str().into()).collect()), categories: None };
    crate::stream::pass(journal, head, (&filter, &|_| true), told, &mut |recorded, event, refs| {
        drawing.see(recorded, &event, &refs)
    })?;
    let traffic = traffic::draw(journal, asked, window, (currency, head), told)?;
    let drawn = drawing.sold.finish()?;
    let began = calendar.day(drawing.began);
    if began > asked.to {
        return Err(LoanPackError::Unknown(format!("the market began on {began}, after {}", asked.to)));
    }
    let subject = MarketSubject {
        format: MARKET_FORMAT,
        definitions: MARKET_DEFINITIONS_VERSION,
        market,
        currency,
        orders_in_other_currencies: drawn.in_other_currencies,
        time_zone: calendar.zone().to_owned(),
        from: asked.from,
        to: asked.to,
        began,
        channels: told_by(&asked.sites),
        through: head,
        drawn_at: asked.drawn_at,
        issued: asked.issued.clone(),
    };
    Ok(MarketFacts {
        subject,
        members: drawn.members,
        sales: drawn.sales,
        owed: drawn.owed,
        days: drawn.days,
        buyers: drawn.buyers,
        traffic,
        books: drawn.books,
        cases: drawing.cases.finish(),
        sizes: Vec::new(),
    })
}

/// States the size of the whole that the market is a part of, as a file says it.
///
/// # Errors
/// [`LoanPackError::Pack`] says what is wrong with the file.
pub fn with_size(facts: &mut MarketFacts, name: &str, bytes: &[u8]) -> Result<(), LoanPackError> {
    facts.sizes = Size::read(name, bytes, &facts.subject)?;
    Ok(())
}

/// The market's name, the currency that is asked for, and when it opened.
fn opened(
    journal: &dyn Journal,
    head: Position,
    asked: Option<Currency>,
) -> Result<(String, Currency, Timestamp), LoanPackError> {
    let kinds = Some(vec![EventKind::MarketOpened.as_str().into()]);
    let mut found = None;
    journal.scan(0, Some(head), &Filter { kinds, categories: None }, &mut |recorded| {
        found = Some(decode(&recorded).map(|(event, _)| (event, Timestamp(recorded.occurred_at))));
        ControlFlow::Break(())
    })?;
    let unknown = |why: String| LoanPackError::Unknown(why);
    let found = match found.transpose()? {
        Some((Event::MarketOpened(e), at)) => Some((e.name, e.currencies, at)),
        _ => None,
    };
    let (name, currencies, at) = found.ok_or_else(|| unknown("the journal has no market".to_owned()))?;
    let currency = asked.or(currencies.first().copied()).filter(|asked| currencies.contains(asked));
    let named = || currencies.iter().map(Currency::as_str).collect::<Vec<_>>().join(", ");
    let currency =
        currency.ok_or_else(|| unknown(format!("the market trades in {}: name one of them", named())))?;
    Ok((name, currency, at))
}

struct Drawing {
    window: Window,
    /// When the market opened, or something was first sold or booked, where that is earlier: it may have been brought in from elsewhere.
    began: Timestamp,
    sold: Sold,
    cases: Cases,
}

impl Drawing {
    fn see(&mut self, recorded: &Recorded<'_>, event: &Event, refs: &Refs) -> Result<(), LoanPackError> {
        let at = Timestamp(recorded.occurred_at);
        let mut entries = Vec::with_capacity(8);
        post(event, refs, &mut entries);
        if !entries.is_empty() || matches!(event, Event::OrderPlaced(_)) {
            self.began = self.began.min(at);
        }
        self.sold.book(event, at, &entries)?;
        if at <= self.window.to {
            self.sold.see(event, refs, at)?;
            self.cases.see(event, refs, at)?;
        }
        Ok(())
    }
}
