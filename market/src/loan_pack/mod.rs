//! The lines of a loan pack, drawn from the journal in one pass: a merchant's orders, what went back, its disputes, its account.
//!
//! Nothing is reckoned here that a figure rests on; that is `daybook-packs`', for whoever checks it too. What is left out is
//! said by its columns: buyers are numbered, and nothing names a person.
//!
//! What counts is what happened by the last day, of what stood in the journal when the pack was drawn. Orders that anything
//! happened to within the days are in it; of the account, what is booked within, behind one row of what was before.

mod account;
mod cases;
mod goods;
mod orders;
mod sealed;
mod standing;
mod traffic;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use daybook_domain::posting::post;
use daybook_domain::{Code, Currency, Event, EventKind, MerchantId, Money, Reference, Refs, Timestamp};
use daybook_journal::{Filter, Journal, Position, Recorded};
use daybook_packs::{
    DEFINITIONS_VERSION, Elsewhere, FORMAT, Facts, Issued, PackError, Subject, ToldBy, both,
};
use daybook_projections::metrics::Sites;

use self::account::Account;
use self::orders::Orders;
pub use self::sealed::unsealed_closes;
use crate::verify::VerifyError;
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
    /// The figures of traffic could not be had.
    #[error(transparent)]
    Traffic(#[from] daybook_projections::ReadModelError),
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
    /// At this position of the journal; none: at its end.
    pub through: Option<Position>,
    /// By which lists it is told how visitors came: those of the read models.
    pub sites: Sites,
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
    let head = reached(journal, asked.through)?;
    let currency = match asked.currency {
        Some(currency) => currency,
        None => settled_in(journal, asked.merchant, head)?,
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
    let wanted = |recorded: &Recorded<'_>| recorded.refs.contains(&name) || foreign.contains(&recorded.kind);
    crate::stream::pass(journal, head, (&kinds(), &wanted), told, &mut |recorded, event, refs| {
        drawing.see(recorded, &event, &refs)
    })?;
    if drawing.standing.is_empty() {
        return Err(LoanPackError::Unknown(format!("the journal knows no merchant {}", asked.merchant)));
    }
    let Drawing { orders, account, mut standing, market, .. } = drawing;
    let ((account, balances), mut orders) = both(|| account.finish(), || orders.finish());
    if let Some((at, of)) = orders.first_sale {
        let place = standing.iter().position(|row| row.at > at).unwrap_or(standing.len());
        standing.insert(place, standing::first_sale(at, of));
    }
    let terminals = std::mem::take(&mut orders.terminals);
    traffic::tell(journal, calendar, (asked, head), (currency, terminals), &mut orders.orders, told)?;
    let days = (asked.from, asked.to);
    let sealed = sealed::sealed_months(journal, crate::Options::default().market, calendar, days, head)?;
    let subject = Subject {
        format: FORMAT,
        definitions: DEFINITIONS_VERSION,
        market,
        merchant: asked.merchant.to_string(),
        currency,
        time_zone: calendar.zone().to_owned(),
        from: asked.from,
        to: asked.to,
        began: None,
        channels: told_by(&asked.sites),
        through: head,
        drawn_at: asked.drawn_at,
        sealed,
        issued: asked.issued.clone(),
    };
    let mut facts = Facts {
        subject,
        standing,
        orders: orders.orders,
        items: orders.items,
        refunds: orders.refunds,
        disputes: orders.disputes,
        account,
        elsewhere: elsewhere(orders.elsewhere, balances),
    };
    facts.subject.began = facts.began(facts.zone()?);
    Ok(facts)
}

/// The position that a pack is drawn at.
pub(crate) fn reached(journal: &dyn Journal, asked: Option<Position>) -> Result<Position, LoanPackError> {
    let head = journal.head()?;
    match asked.filter(|asked| *asked > head) {
        Some(asked) => {
            Err(LoanPackError::Unknown(format!("the journal ends at position {head}, before {asked}")))
        }
        None => Ok(asked.unwrap_or(head)),
    }
}

/// By what it is told how visitors came.
pub(crate) fn told_by(sites: &Sites) -> ToldBy {
    ToldBy { rule: sites.rule().version(), lists: sites.digest() }
}

/// One row for each other currency with anything in it.
fn elsewhere(
    mut sales: BTreeMap<Currency, Elsewhere>,
    balances: BTreeMap<Currency, (i64, i64)>,
) -> Vec<Elsewhere> {
    for (currency, (balance, deposit)) in balances {
        let row = sales.entry(currency).or_insert_with(|| nothing_in(currency));
        (row.balance.minor, row.deposit.minor) = (balance, deposit);
    }
    sales.into_values().filter(|row| *row != nothing_in(row.currency)).collect()
}

/// A currency in which nothing was done.
fn nothing_in(currency: Currency) -> Elsewhere {
    let nothing = Money::zero(currency);
    Elsewhere {
        currency,
        orders: 0,
        paid: nothing,
        refunded: nothing,
        disputes: nothing,
        chargebacks: nothing,
        balance: nothing,
        deposit: nothing,
    }
}

/// What no line rests on: acts of visitors; and of a basket, which names no merchant, what is before the payment of its orders is
/// complete. In a long history that is every fourth event.
const PASSED_OVER: [EventKind; 4] = [
    EventKind::VisitorActed,
    EventKind::CheckoutOpened,
    EventKind::PaymentCaptured,
    EventKind::FundsAllocated,
];

/// All other types.
fn kinds() -> Filter {
    let kinds = EventKind::ALL.iter().filter(|kind| !PASSED_OVER.contains(kind));
    let kinds = kinds.map(|kind| kind.as_str().into());
    Filter { kinds: Some(kinds.collect()), categories: None }
}

/// The currency that a merchant is settled in.
fn settled_in(
    journal: &dyn Journal,
    merchant: MerchantId,
    head: Position,
) -> Result<Currency, LoanPackError> {
    let mut currency = None;
    crate::stream::visit(journal, &format!("merchant-{merchant}"), &mut |event, recorded| match event {
        _ if recorded.position > head => {}
        Event::MerchantApplied(e) => currency = Some(e.settlement_currency),
        Event::MerchantImported(e) => currency = Some(e.settlement_currency),
        _ => {}
    })?;
    currency.ok_or_else(|| LoanPackError::Unknown(format!("the journal knows no merchant {merchant}")))
}

/// Where the journal has a merchant's consent to a lender: the last grant of it.
///
/// # Errors
/// [`LoanPackError`] where the merchant's stream cannot be read.
pub fn consent_position(
    journal: &dyn Journal,
    merchant: MerchantId,
    consent_ref: Reference,
    recipient: Code,
) -> Result<Option<Position>, LoanPackError> {
    let mut found = None;
    crate::stream::visit(journal, &format!("merchant-{merchant}"), &mut |event, recorded| match event {
        Event::LenderConsentGranted(e) if e.consent_ref == consent_ref && e.recipient == recipient => {
            found = Some(recorded.position);
        }
        _ => {}
    })?;
    Ok(found)
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
    fn see(&mut self, recorded: &Recorded<'_>, event: &Event, refs: &Refs) -> Result<(), LoanPackError> {
        let at = Timestamp(recorded.occurred_at);
        let counts = at <= self.cut.to;
        match event {
            Event::MarketOpened(e) => e.name.as_str().clone_into(&mut self.market),
            Event::StatementLineMatched(e) if counts => self.orders.matched(e),
            Event::PageViewed(e) => {
                self.orders.viewed(e.visitor, at);
                return Ok(());
            }
            _ => {}
        }
        let mut entries = Vec::with_capacity(8);
        post(event, refs, &mut entries);
        let booked_at = self.account.see(event, refs, at, &entries);
        if counts && refs.merchant == Some(self.merchant) {
            self.standing.extend(standing::rows(event, at));
            if let Some(order) = refs.order {
                self.orders.see(order, event, at, (booked_at <= self.cut.to).then_some(booked_at))?;
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
