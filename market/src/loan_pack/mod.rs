//! The lines of a loan pack, drawn from the journal in one pass: a merchant's orders, what went back, its disputes, its account.
//!
//! Nothing is reckoned here that a figure rests on; that is `daybook-packs`', for whoever checks it too. What is left out is
//! said by its columns: buyers are numbered, and nothing names a person.
//!
//! What counts is what happened by the last day, of what stood in the journal when the pack was drawn. Orders that anything
//! happened to within the days are in it; of the account, what is booked within, behind one row of what was before.

mod account;
mod orders;
mod standing;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use chrono::NaiveDate;
use daybook_domain::posting::post;
use daybook_domain::{Currency, Event, EventKind, MerchantId, Timestamp};
use daybook_journal::{Filter, Journal, Position, Recorded};
use daybook_packs::{DEFINITIONS_VERSION, FORMAT, Facts, Issued, PackError, Subject};

use self::account::Account;
use self::orders::Orders;
use crate::verify::{VerifyError, decode};
use crate::{Calendar, MarketError};

/// Why the lines could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum LoanPackError {
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] daybook_journal::JournalError),
    /// An event could not be read.
    #[error(transparent)]
    Event(#[from] VerifyError),
    /// The market's zone is not known, or its file cannot be used.
    #[error(transparent)]
    Market(#[from] MarketError),
    /// The pack could not be made.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// It is not known whose or of what.
    #[error("{0}")]
    Unknown(String),
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Whose.
    pub merchant: MerchantId,
    /// The first business day.
    pub from: NaiveDate,
    /// The last.
    pub to: NaiveDate,
    /// In which currency; none: the one that the merchant is settled in.
    pub currency: Option<Currency>,
    /// By the clock.
    pub drawn_at: Timestamp,
    /// To whom it is to be issued; none for a draft.
    pub issued: Option<Issued>,
}

/// The cut: what happened after it is not told.
#[derive(Clone, Copy, Debug)]
struct Cut {
    /// The first instant of the first day.
    from: Timestamp,
    /// The last instant of the last day.
    to: Timestamp,
}

/// Event types that concern a merchant and do not name it among their references.
const FOREIGN: &[EventKind] = &[
    EventKind::MarketOpened,
    EventKind::PeriodClosed,
    EventKind::PeriodReopened,
    EventKind::JournalVoucher,
    EventKind::BreakResolved,
    EventKind::StatementLineMatched,
];

/// Draws the lines from the journal; `told` hears how far it is, and of how many events.
///
/// # Errors
/// [`LoanPackError`]; `Unknown` where the journal knows no such merchant.
pub fn draw(
    journal: &dyn Journal,
    calendar: Calendar,
    asked: &Asked,
    told: &mut dyn FnMut(Position, Position),
) -> Result<Facts, LoanPackError> {
    let head = journal.head()?;
    let currency = match asked.currency {
        Some(currency) => currency,
        None => settled_in(journal, asked.merchant)?,
    };
    let cut = Cut { from: calendar.start_of(asked.from), to: calendar.end_of(asked.to) };
    let mut drawing = Drawing {
        merchant: asked.merchant,
        cut,
        market: String::new(),
        standing: Vec::new(),
        orders: Orders::new(calendar, cut, currency),
        account: Account::new(asked.merchant, cut, currency),
    };
    let name = format!("\"merchant\":\"{}\"", asked.merchant);
    let foreign: Vec<&str> = FOREIGN.iter().map(|kind| kind.as_str()).collect();
    let mut failed = None;
    journal.scan(0, Some(head), &kinds(), &mut |recorded| {
        if recorded.position.is_multiple_of(4_096) {
            told(recorded.position, head);
        }
        if !recorded.refs.contains(&name) && !foreign.contains(&recorded.kind) {
            return ControlFlow::Continue(());
        }
        match drawing.see(&recorded) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    if drawing.standing.is_empty() {
        return Err(LoanPackError::Unknown(format!("the journal knows no merchant {}", asked.merchant)));
    }
    let orders = drawing.orders.finish();
    let subject = Subject {
        format: FORMAT,
        definitions: DEFINITIONS_VERSION,
        market: drawing.market,
        merchant: asked.merchant.to_string(),
        currency,
        orders_in_other_currencies: orders.in_other_currencies,
        time_zone: calendar.zone().to_owned(),
        from: asked.from,
        to: asked.to,
        through: head,
        drawn_at: asked.drawn_at,
        issued: asked.issued.clone(),
    };
    let account = drawing.account.finish();
    Ok(Facts {
        subject,
        standing: drawing.standing,
        orders: orders.orders,
        items: orders.items,
        refunds: orders.refunds,
        disputes: orders.disputes,
        account,
    })
}

/// All types but acts of visitors, which no line rests on.
fn kinds() -> Filter {
    let kinds = EventKind::ALL.iter().filter(|kind| **kind != EventKind::VisitorActed);
    let kinds = kinds.map(|kind| kind.as_str().into());
    Filter { kinds: Some(kinds.collect()), categories: None }
}

/// The currency that a merchant is settled in.
fn settled_in(journal: &dyn Journal, merchant: MerchantId) -> Result<Currency, LoanPackError> {
    let mut currency = None;
    crate::stream::visit(journal, &format!("merchant-{merchant}"), &mut |event, _| match event {
        Event::MerchantApplied(e) => currency = Some(e.settlement_currency),
        Event::MerchantImported(e) => currency = Some(e.settlement_currency),
        _ => {}
    })?;
    currency.ok_or_else(|| LoanPackError::Unknown(format!("the journal knows no merchant {merchant}")))
}

struct Drawing {
    merchant: MerchantId,
    cut: Cut,
    market: String,
    standing: Vec<daybook_packs::Standing>,
    orders: Orders,
    account: Account,
}

impl Drawing {
    fn see(&mut self, recorded: &Recorded<'_>) -> Result<(), LoanPackError> {
        let (event, refs) = decode(recorded)?;
        let at = Timestamp(recorded.occurred_at);
        let counts = at <= self.cut.to;
        match &event {
            Event::MarketOpened(e) => e.name.as_str().clone_into(&mut self.market),
            Event::StatementLineMatched(e) if counts => self.orders.matched(e),
            Event::PageViewed(e) => {
                self.orders.viewed(e.visitor, at);
                return Ok(());
            }
            _ => {}
        }
        let mut entries = Vec::with_capacity(8);
        post(&event, &refs, &mut entries);
        self.account.see(&event, &refs, at, &entries);
        if counts && refs.merchant == Some(self.merchant) {
            self.standing.extend(standing::rows(&event, at));
            if let Some(order) = refs.order {
                self.orders.see(order, &event, at)?;
            }
        }
        Ok(())
    }
}

/// Numbers in the order of their first coming.
struct Numbers<K>(BTreeMap<K, u32>);

impl<K: Ord> Numbers<K> {
    const fn new() -> Self {
        Self(BTreeMap::new())
    }

    fn of(&mut self, key: K) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX).saturating_add(1);
        *self.0.entry(key).or_insert(next)
    }
}
