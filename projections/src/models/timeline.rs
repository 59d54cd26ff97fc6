//! What an order's timeline says of each event: an amount and a detail, in the words of the event.

use daybook_domain::{Event, Money};

use super::orders::{OrderRow, TimelineRow};
use super::text;
use crate::model::{Envelope, Out};

/// Appends the event to the timeline.
pub(super) fn append(row: &mut OrderRow, e: &Envelope<'_>, out: &mut Out<TimelineRow>) {
    row.events += 1;
    out.append(TimelineRow {
        number: row.events,
        event: text(e.kind.as_str()),
        occurred_at: e.occurred_at,
        recorded_at: e.recorded_at,
        amount: amount(e.event).map(|m| m.minor),
        detail: detail(e.event),
    });
}

fn amount(event: &Event) -> Option<Money> {
    match event {
        Event::OrderPlaced(x) => Some(x.total),
        Event::CustomsCleared(x) => x.duty,
        Event::EscrowFunded(x) => sum(x.parts.iter().map(|p| p.amount)),
        Event::EscrowReleased(x) => Some(x.to_merchant),
        Event::EscrowRefunded(x) => Some(x.to_buyer),
        Event::RefundIssued(x) => Some(x.to_buyer),
        Event::RefundPaid(x) => sum(x.parts.iter().map(|p| p.amount)),
        Event::RefundFailed(x) => sum(x.parts.iter().map(|p| p.amount)),
        Event::CommissionCharged(x) => Some(x.amount),
        Event::CommissionReversed(x) => Some(x.amount),
        Event::ReturnFreightCharged(x) => Some(x.amount),
        Event::DisputeOpened(x) => Some(x.claim),
        Event::DisputeRuled(x) => Some(x.refund),
        Event::RulingReversed(x) => Some(x.to_merchant),
        Event::ChargebackOpened(x) => Some(x.amount),
        Event::ChargebackClosed(x) => Some(x.amount),
        _ => None,
    }
}

/// The sum; one out of range is left out (the books stop at the same event).
fn sum(amounts: impl Iterator<Item = Money>) -> Option<Money> {
    let mut amounts = amounts;
    let first = amounts.next()?;
    amounts.try_fold(first, |a, b| a.add(b).ok())
}

fn detail(event: &Event) -> Option<String> {
    Some(match event {
        Event::OrderHeld(x) => x.reason.clone(),
        Event::OrderCancelled(x) => words(&[x.by.as_str(), &x.reason]),
        Event::OrderShipped(x) => {
            let carrier = x.carrier.as_ref().map_or("", |c| c.as_str());
            let tracking = x.tracking.as_ref().map_or("", |t| t.as_str());
            words(&[x.shipment.as_str(), carrier, tracking])
        }
        Event::CustomsCleared(x) => text(x.shipment),
        Event::OrderDelivered(x) => text(x.shipment),
        Event::ReceiptConfirmed(x) => text(x.by.as_str()),
        Event::ReceiptRefused(x) => x.reason.clone(),
        Event::ShipmentException(x) => {
            words(&[x.shipment.as_str(), x.kind.as_str(), x.detail.as_deref().unwrap_or("")])
        }
        Event::ShipmentExceptionResolved(x) => words(&[x.shipment.as_str(), &x.resolution]),
        Event::ReviewPosted(x) => format!("{} of 5", x.overall),
        Event::EscrowRefunded(x) => words(&[x.refund.as_str(), &x.reason]),
        Event::RefundIssued(x) => words(&[x.refund.as_str(), &x.reason]),
        Event::RefundPaid(x) => text(x.refund),
        Event::RefundFailed(x) => words(&[x.refund.as_str(), &x.reason]),
        Event::RefundRerouted(x) => words(&[x.refund.as_str(), x.to.as_str()]),
        Event::CommissionReversed(x) => x.because.clone(),
        Event::ReturnRequested(x) => words(&[x.r#return.as_str(), &x.reason]),
        Event::ReturnAccepted(x) => text(x.r#return),
        Event::ReturnRefused(x) => words(&[x.r#return.as_str(), &x.reason]),
        Event::GoodsReturned(x) => text(x.r#return),
        Event::ReturnFreightCharged(x) => text(x.to.as_str()),
        Event::ExchangeRequested(x) => words(&[x.exchange.as_str(), &x.reason]),
        Event::ExchangeShipped(x) => words(&[x.exchange.as_str(), x.shipment.as_str()]),
        Event::ExchangeRefused(x) => words(&[x.exchange.as_str(), &x.reason]),
        Event::DisputeOpened(x) => {
            words(&[x.dispute.as_str(), x.category.as_str(), x.detail.as_deref().unwrap_or("")])
        }
        Event::EvidenceSubmitted(x) => words(&[x.by.as_str(), x.document_ref.as_str()]),
        Event::DisputeAnswered(x) => words(&[x.by.as_str(), x.answer.as_deref().unwrap_or("")]),
        Event::DisputeEscalated(x) => text(x.by.as_str()),
        Event::DisputeRuled(x) => words(&[x.r#for.as_str(), &x.reason]),
        Event::DisputeAppealed(x) => words(&[x.by.as_str(), &x.reason]),
        Event::RulingUpheld(x) => x.reason.clone(),
        Event::RulingReversed(x) => x.reason.clone(),
        Event::ChargebackOpened(x) => words(&[x.chargeback.as_str(), &x.reason]),
        Event::ChargebackClosed(x) => words(&[x.chargeback.as_str(), x.outcome.as_str()]),
        _ => return None,
    })
}

fn words(parts: &[&str]) -> String {
    let known: Vec<&str> = parts.iter().copied().filter(|p| !p.is_empty()).collect();
    known.join(" ")
}
