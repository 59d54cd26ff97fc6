//! What funded an order and where that went: its escrow's parts, the payments of its checkout that these came from,
//! and what its merchant was released of them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use daybook_domain::checkout::events::{PaymentCaptured, StoredValueUsed};
use daybook_domain::order::Order;
use daybook_domain::order::events::{ChargebackOutcome, EscrowFunded, EscrowTaken, Subsidy};
use daybook_domain::{
    Aggregate, CampaignId, CheckoutId, Currency, Event, Money, OrderId, PaymentId, ProviderId, Reference,
    Refs, Timestamp,
};
use daybook_journal::{Journal, Recorded};
use serde::Serialize;

use crate::MarketError;

/// A payment, or what the market added, that funded an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Payment {
    /// The order.
    pub order: OrderId,
    /// The checkout it was paid by.
    pub checkout: Option<CheckoutId>,
    /// payment, stored_value, subsidy or shortfall.
    pub kind: &'static str,
    /// The payment.
    pub payment: Option<PaymentId>,
    /// Who took the payment.
    pub provider: Option<ProviderId>,
    /// The provider's reference; of stored value, the instrument.
    pub provider_ref: Option<Reference>,
    /// The campaign that added it.
    pub campaign: Option<CampaignId>,
    /// What came to this order of it.
    pub amount: Money,
}

/// An order between what funded it and what it released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedOrder {
    /// The order.
    pub order: OrderId,
    /// What came into its escrow, as far as its payments are found: of these, and of what the market added.
    pub funded: Money,
    /// Released to the merchant.
    pub released: Money,
    /// Released to the tax office.
    pub tax: Money,
    /// Refunded from escrow, or taken from it by banks.
    pub given_back: Money,
    /// What its pieces still have in escrow.
    pub in_escrow: Money,
    /// Of what was released: on lines of the settlements above.
    pub on_lines: Money,
    /// funded - released - tax - given_back - in_escrow, and what the lines say beyond what was released: zero.
    pub residual: Money,
}

/// An order with the payments that funded it.
pub struct Funding {
    pub order: ExplainedOrder,
    pub payments: Vec<Payment>,
    /// What could not be explained, in words.
    pub unexplained: Vec<String>,
}

/// What an order's stream tells of its escrow, minor units.
#[derive(Default)]
struct Escrow {
    state: Order,
    checkout: Option<CheckoutId>,
    funded: Vec<EscrowFunded>,
    /// What each release gave the merchant, by its position.
    released: BTreeMap<u64, i64>,
    tax: i64,
    given_back: i64,
}

impl Escrow {
    fn see(&mut self, recorded: &Recorded<'_>, event: Event, refs: &Refs) {
        let back = |to_buyer: Money, subsidies: &[Subsidy], shortfall: Money| {
            to_buyer.minor + subsidies.iter().map(|s| s.amount.minor).sum::<i64>() + shortfall.minor
        };
        self.checkout = self.checkout.or(refs.checkout);
        self.state.evolve(&event, Timestamp(recorded.occurred_at));
        match event {
            Event::EscrowFunded(e) => self.funded.push(e),
            Event::EscrowReleased(e) => {
                self.released.insert(recorded.position, e.to_merchant.minor);
                self.tax += e.tax.map_or(0, |tax| tax.amount.minor);
            }
            Event::EscrowRefunded(e) => {
                self.given_back += back(e.to_buyer, &e.subsidies_back, e.shortfall_back);
            }
            Event::ChargebackClosed(e) if e.outcome == ChargebackOutcome::Lost => {
                if let Some(EscrowTaken { to_buyer, subsidies_back, shortfall_back, .. }) = e.from_escrow {
                    self.given_back += back(to_buyer, &subsidies_back, shortfall_back);
                }
            }
            _ => {}
        }
    }
}

/// What funded `order` against what it released, where `lines` are the releases that settlements have of it: the
/// positions and amounts, in minor units of `currency`.
pub fn funding_of(
    journal: &dyn Journal,
    order: OrderId,
    currency: Currency,
    lines: &[(u64, i64)],
) -> Result<Funding, MarketError> {
    let mut escrow = Escrow { state: Order::named(order.as_str()), ..Escrow::default() };
    let broken = visit(journal, &format!("order-{order}"), |recorded, event, refs| {
        escrow.see(recorded, event, &refs);
    })?;
    let mut unexplained = Vec::from_iter(broken);
    let (mut captured, mut stored) = (Vec::new(), Vec::new());
    if let Some(checkout) = escrow.checkout {
        let broken = visit(journal, &format!("checkout-{checkout}"), |_, event, _| match event {
            Event::PaymentCaptured(e) => captured.push(e),
            Event::StoredValueUsed(e) => stored.push(e),
            _ => {}
        })?;
        unexplained.extend(broken);
    }
    if escrow.funded.is_empty() {
        unexplained.push(format!("order {order} was never funded"));
    }
    let mut payments = Vec::new();
    let mut missing = 0;
    for funding in &escrow.funded {
        missing += add(order, escrow.checkout, funding, &captured, &stored, &mut payments, &mut unexplained);
    }

    let money = |minor| Money::new(minor, currency);
    let own = payments.iter().filter(|payment| payment.amount.currency == currency);
    let funded = own.map(|payment| payment.amount.minor).sum::<i64>() - missing;
    let released = escrow.released.values().sum::<i64>();
    let in_escrow = escrow.state.escrow().map_or(0, |left| left.minor);
    let left = funded - released - escrow.tax - escrow.given_back - in_escrow;
    if left != 0 {
        let (funded, out) = (money(funded), money(funded - left));
        unexplained.push(format!("order {order} was funded with {funded}, {out} went out or is in escrow"));
    }
    let mut apart = 0;
    for (position, line) in lines {
        let said = escrow.released.get(position).copied().unwrap_or(0);
        if said != *line {
            let (line, said) = (money(*line), money(said));
            unexplained.push(format!(
                "order {order} released {said} at position {position}, its line in the settlement says {line}"
            ));
        }
        apart += (line - said).abs();
    }
    let order = ExplainedOrder {
        order,
        funded: money(funded),
        released: money(released),
        tax: money(escrow.tax),
        given_back: money(escrow.given_back),
        in_escrow: money(in_escrow),
        on_lines: money(lines.iter().map(|(_, minor)| minor).sum()),
        residual: money(left.abs() + apart),
    };
    Ok(Funding { order, payments, unexplained })
}

/// Adds what one funding consists of; how much of it no payment covers, in minor units, and which in words.
fn add(
    order: OrderId,
    checkout: Option<CheckoutId>,
    funding: &EscrowFunded,
    captured: &[PaymentCaptured],
    stored: &[StoredValueUsed],
    payments: &mut Vec<Payment>,
    unexplained: &mut Vec<String>,
) -> i64 {
    let mut missing = 0;
    let market = |kind, campaign, amount| Payment {
        order,
        checkout,
        kind,
        payment: None,
        provider: None,
        provider_ref: None,
        campaign,
        amount,
    };
    for part in &funding.parts {
        let capture = captured.iter().find(|c| c.payment == part.payment);
        let card = stored.iter().find(|s| s.payment == part.payment);
        let instrument = card.and_then(|card| Reference::new(card.instrument.as_str()).ok());
        let there = capture.map(|c| c.amount).or(card.map(|card| card.amount));
        let there =
            there.filter(|there| there.currency == part.amount.currency).map_or(0, |there| there.minor);
        if there < part.amount.minor {
            missing += part.amount.minor - there;
            unexplained
                .push(format!("payment {} of order {order} does not cover {}", part.payment, part.amount));
        }
        payments.push(Payment {
            payment: Some(part.payment),
            provider: Some(part.provider),
            provider_ref: capture.map(|c| c.provider_ref).or(instrument),
            ..market(if card.is_some() { "stored_value" } else { "payment" }, None, part.amount)
        });
    }
    for subsidy in &funding.subsidies {
        payments.push(market("subsidy", Some(subsidy.campaign), subsidy.amount));
    }
    if !funding.shortfall.is_zero() {
        payments.push(market("shortfall", None, funding.shortfall));
    }
    missing
}

/// Reads a stream; what could not be decoded, in words.
fn visit(
    journal: &dyn Journal,
    stream: &str,
    mut each: impl FnMut(&Recorded<'_>, Event, Refs),
) -> Result<Option<String>, MarketError> {
    let mut broken = None;
    journal.read_stream(stream, 0, &mut |recorded| {
        let event = Event::decode(recorded.kind, recorded.schema, recorded.data);
        match (event, Refs::parse(recorded.refs)) {
            (Ok(event), Ok(refs)) => {
                each(&recorded, event, refs);
                ControlFlow::Continue(())
            }
            (Err(why), _) => {
                broken = Some(format!("{stream}, {} at {}: {why}", recorded.kind, recorded.position));
                ControlFlow::Break(())
            }
            (_, Err(why)) => {
                broken = Some(format!("{stream}, references at {}: {why}", recorded.position));
                ControlFlow::Break(())
            }
        }
    })?;
    Ok(broken)
}
