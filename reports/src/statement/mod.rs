//! A merchant's statement of a period.
//!
//! **The balance** is what the market owes the merchant: pending (released, not yet settled) + available + held +
//! reserve + in transit (asked to be paid, not yet confirmed by the bank). Escrow and the deposit stand beside it:
//! escrow is not the merchant's yet, the deposit is its own money in pledge.
//!
//! **A movement** is an event that changes the balance: releases, commission, refunds, fees, penalties, rewards,
//! adjustments, chargebacks; payouts when the bank confirms or returns them. Settlements, payouts asked for, holds and
//! reserves move money within the balance; they are shown, and change nothing.
//!
//! Periods cut by when things are booked, so the statements of consecutive periods join: the closing balance of one
//! is the opening balance of the next, whatever is reported late. What happened in an earlier period and is booked in this
//! one says when it happened.

mod html;
#[cfg(test)]
mod tests;
mod wording;
mod xlsx;

use chrono::NaiveDate;
use daybook_domain::{Currency, EventKind, Money, Timestamp};
use daybook_projections::queries::{MerchantEntry, MerchantInquiry, MerchantMovements};
use daybook_projections::{AsOf, Calendar, ReadModels};
use serde::Serialize;

use crate::period::as_text;
use crate::{Period, ReportError};
use wording::{Kind, kind, label};

/// A statement.
#[derive(Clone, Debug, Serialize)]
pub struct Statement {
    /// The merchant.
    pub merchant_id: String,
    /// Its name, where one is known.
    pub merchant_name: Option<String>,
    /// The market.
    pub market: String,
    /// The period, as it was asked for.
    pub period: String,
    /// Its first business day.
    #[serde(serialize_with = "as_text")]
    pub first: NaiveDate,
    /// Its last business day.
    #[serde(serialize_with = "as_text")]
    pub last: NaiveDate,
    /// The zone whose days are meant.
    pub time_zone: String,
    /// The event through which the books were read.
    pub position: u64,
    /// A part for each currency.
    pub currencies: Vec<Section>,
}

/// The part of a statement in one currency.
#[derive(Clone, Debug, Serialize)]
pub struct Section {
    /// The currency.
    pub currency: Currency,
    /// What stood when the period began.
    pub opening: Standing,
    /// The movements, by when they are booked.
    pub movements: Vec<Movement>,
    /// Their sums by column.
    pub totals: Columns,
    /// What stands when it ends.
    pub closing: Standing,
}

/// What stands at a moment. `balance` is the sum of the five that follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// What the market owes the merchant.
    pub balance: Money,
    /// Released and not yet settled.
    pub pending: Money,
    /// Settled, may be paid out.
    pub available: Money,
    /// Settled, held for a claim.
    pub held: Money,
    /// Settled, kept back for a time.
    pub reserve: Money,
    /// On its way to the merchant's bank.
    pub in_transit: Money,
    /// Beside the balance: in escrow for its orders.
    pub escrow: Money,
    /// Beside the balance: its deposit, frozen or not.
    pub deposit: Money,
}

/// A movement, or a shift within the balance.
#[derive(Clone, Debug, Serialize)]
pub struct Movement {
    /// The business day on which it is booked.
    #[serde(serialize_with = "as_text")]
    pub day: NaiveDate,
    /// When it is booked.
    pub booked_at: Timestamp,
    /// The day on which it happened, where that lies in an earlier period.
    #[serde(serialize_with = "crate::period::as_text_of")]
    pub late_of: Option<NaiveDate>,
    /// What it is.
    pub what: &'static str,
    /// Type of the event.
    pub event: String,
    /// The order it concerns.
    pub order: Option<String>,
    /// The settlement, payout, adjustment, hold, fee period or campaign it is about.
    pub reference: Option<String>,
    /// What it changes.
    #[serde(flatten)]
    pub amounts: Columns,
    /// What it shifts within the balance.
    pub within: Money,
    /// The balance after it.
    pub balance: Money,
}

/// The columns of a statement: their sum is the change of the balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Columns {
    /// Released to the merchant.
    pub gross: Money,
    /// Commission with its VAT.
    pub commission: Money,
    /// Refunds after release that it bears.
    pub refund: Money,
    /// Platform and advertising fees, return freight, fees waived.
    pub fee: Money,
    /// Penalties, rewards, chargebacks, adjustments, rulings reversed, to and from the deposit.
    pub other: Money,
    /// Paid out and come back.
    pub paid_out: Money,
}

/// The names of [`Columns`], in their order.
pub const COLUMNS: [&str; 6] = ["gross", "commission", "refund", "fee", "other", "paid_out"];

impl Columns {
    const fn zero(currency: Currency) -> Self {
        let zero = Money::new(0, currency);
        Self { gross: zero, commission: zero, refund: zero, fee: zero, other: zero, paid_out: zero }
    }

    /// The amounts, in the order of [`COLUMNS`].
    #[must_use]
    pub const fn all(&self) -> [Money; 6] {
        [self.gross, self.commission, self.refund, self.fee, self.other, self.paid_out]
    }

    /// What they come to.
    #[must_use]
    pub fn sum(&self) -> Money {
        Money::new(self.all().iter().map(|m| m.minor).sum(), self.gross.currency)
    }

    fn cell(&mut self, kind: Kind) -> &mut Money {
        match kind {
            Kind::Gross => &mut self.gross,
            Kind::Commission => &mut self.commission,
            Kind::Refund => &mut self.refund,
            Kind::Fee => &mut self.fee,
            Kind::Other => &mut self.other,
            Kind::PaidOut => &mut self.paid_out,
        }
    }
}

impl Statement {
    /// Draws up the statement of a merchant; `None` where there is no such merchant.
    ///
    /// # Errors
    /// [`ReportError`].
    pub fn draw(models: &ReadModels, merchant_id: &str, period: Period) -> Result<Option<Self>, ReportError> {
        let Some(found) = models.merchant(merchant_id)? else { return Ok(None) };
        let moved = models.merchant_movements(merchant_id, period.from.0, period.until.0)?;
        Self::of(models, found, &moved, period).map(Some)
    }

    /// The statement of these movements: what stands beside them is read as of the same position, whatever the
    /// journal took meanwhile.
    fn of(
        models: &ReadModels,
        found: MerchantInquiry,
        moved: &MerchantMovements,
        period: Period,
    ) -> Result<Self, ReportError> {
        let (world, calendar) = (models.world()?, models.calendar()?);
        let mut currencies: Vec<Currency> =
            moved.standings.iter().filter_map(|s| Currency::new(&s.currency).ok()).collect();
        // a merchant without any movement has a statement all the same
        currencies
            .extend(found.merchant.settlement_currency.as_deref().and_then(|code| Currency::new(code).ok()));
        currencies.sort_unstable();
        currencies.dedup();
        let escrow = |at: Timestamp| -> Result<_, ReportError> {
            let then = AsOf { business: Some(at.0 - 1), ..AsOf::position(moved.applied) };
            let then = models.merchant_money(&found.merchant.merchant_id, then)?;
            Ok(move |currency: Currency| {
                let own = then.iter().filter(|money| money.currency == currency.as_str());
                own.map(|money| money.escrow).sum::<i64>()
            })
        };
        let (before, after) = (escrow(period.from)?, escrow(period.until)?);
        let sections = currencies.into_iter().map(|currency| {
            let opening = standing(moved, currency, before(currency), |s| s.opening);
            let closing = standing(moved, currency, after(currency), |s| s.closing);
            section(moved, currency, opening, closing, period, calendar)
        });
        Ok(Self {
            merchant_id: found.merchant.merchant_id,
            merchant_name: found.merchant.name,
            market: world.market,
            period: period.to_string(),
            first: period.first,
            last: period.last(),
            time_zone: calendar.zone().to_owned(),
            position: moved.applied,
            currencies: sections.collect(),
        })
    }
}

fn standing(
    moved: &MerchantMovements,
    currency: Currency,
    escrow: i64,
    of: impl Fn(&daybook_projections::queries::MerchantStanding) -> i64,
) -> Standing {
    let sum = |names: &[&str]| {
        let own = moved.standings.iter().filter(|s| s.currency == currency.as_str());
        Money::new(own.filter(|s| names.contains(&s.name.as_str())).map(&of).sum(), currency)
    };
    Standing {
        balance: sum(BALANCE),
        pending: sum(&["MerchantPending"]),
        available: sum(&["MerchantAvailable"]),
        held: sum(&["MerchantHeld"]),
        reserve: sum(&["MerchantReserve"]),
        in_transit: sum(&["PayoutInTransit"]),
        escrow: Money::new(escrow, currency),
        deposit: sum(&["Deposit", "DepositFrozen"]),
    }
}

/// The accounts whose sum is the balance.
const BALANCE: &[&str] =
    &["MerchantPending", "MerchantAvailable", "MerchantHeld", "MerchantReserve", "PayoutInTransit"];

fn section(
    moved: &MerchantMovements,
    currency: Currency,
    opening: Standing,
    closing: Standing,
    period: Period,
    calendar: Calendar,
) -> Section {
    let own: Vec<&MerchantEntry> = moved
        .entries
        .iter()
        .filter(|e| e.currency == currency.as_str() && BALANCE.contains(&e.name.as_str()))
        .collect();
    let (mut balance, mut totals) = (opening.balance.minor, Columns::zero(currency));
    let mut movements = Vec::new();
    for of_event in own.chunk_by(|a, b| a.position == b.position) {
        let first = of_event[0];
        let change: i64 = of_event.iter().map(|e| e.amount).sum();
        let raised: i64 = of_event.iter().map(|e| e.amount.max(0)).sum();
        let mut amounts = Columns::zero(currency);
        let event = EventKind::parse(&first.event);
        amounts.cell(kind(event)).minor = change;
        totals.cell(kind(event)).minor += change;
        balance += change;
        movements.push(Movement {
            day: calendar.day(Timestamp(first.booked_at)),
            booked_at: Timestamp(first.booked_at),
            late_of: (first.occurred_at < period.from.0).then(|| calendar.day(Timestamp(first.occurred_at))),
            what: event.map_or("Other", label),
            event: first.event.clone(),
            order: first.order_id.clone(),
            reference: moved.references.get(&first.position).cloned(),
            amounts,
            within: Money::new(raised - change.max(0), currency),
            balance: Money::new(balance, currency),
        });
    }
    Section { currency, opening, movements, totals, closing }
}
