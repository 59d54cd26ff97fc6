//! What funded an order: its escrow's parts, and the payments of its checkout that these came from.

use std::ops::ControlFlow;

use daybook_domain::checkout::events::{PaymentCaptured, StoredValueUsed};
use daybook_domain::order::events::EscrowFunded;
use daybook_domain::{CampaignId, CheckoutId, Event, Money, OrderId, PaymentId, ProviderId, Reference, Refs};
use daybook_journal::Journal;
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

/// What funded `order`, and in words what could not be found.
pub fn payments_of(
    journal: &dyn Journal,
    order: OrderId,
) -> Result<(Vec<Payment>, Option<String>), MarketError> {
    let (mut checkout, mut funded) = (None, Vec::new());
    let mut broken = visit(journal, &format!("order-{order}"), |event, refs| {
        checkout = checkout.or(refs.checkout);
        if let Event::EscrowFunded(e) = event {
            funded.push(e);
        }
    })?;
    let (mut captured, mut stored) = (Vec::new(), Vec::new());
    if let Some(checkout) = checkout {
        let also = visit(journal, &format!("checkout-{checkout}"), |event, _| match event {
            Event::PaymentCaptured(e) => captured.push(e),
            Event::StoredValueUsed(e) => stored.push(e),
            _ => {}
        })?;
        broken = broken.or(also);
    }
    if funded.is_empty() {
        broken = broken.or_else(|| Some(format!("order {order} was never funded")));
    }
    let mut payments = Vec::new();
    for funding in &funded {
        let missing = add(order, checkout, funding, &captured, &stored, &mut payments);
        broken = broken.or(missing);
    }
    Ok((payments, broken))
}

/// Adds what one funding consists of; says which payment is missing or smaller than its part.
fn add(
    order: OrderId,
    checkout: Option<CheckoutId>,
    funding: &EscrowFunded,
    captured: &[PaymentCaptured],
    stored: &[StoredValueUsed],
    payments: &mut Vec<Payment>,
) -> Option<String> {
    let mut missing = None;
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
        if there.is_none_or(|there| there.currency != part.amount.currency || there.minor < part.amount.minor)
        {
            missing =
                Some(format!("payment {} of order {order} does not cover {}", part.payment, part.amount));
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
    mut each: impl FnMut(Event, Refs),
) -> Result<Option<String>, MarketError> {
    let mut broken = None;
    journal.read_stream(stream, 0, &mut |recorded| {
        let event = Event::decode(recorded.kind, recorded.schema, recorded.data);
        match (event, Refs::parse(recorded.refs)) {
            (Ok(event), Ok(refs)) => {
                each(event, refs);
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
