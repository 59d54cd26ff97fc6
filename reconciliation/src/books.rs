//! What the books say of money at providers and banks: the parts of money events that a statement would show.
//!
//! Each comes from its event alone, as its posting does. Corrections by hand (vouchers, resolved breaks) are left out:
//! they are the books' answer to a statement, and no statement shows them.

use daybook_domain::posting::STORED_VALUE_PROVIDER;
use daybook_domain::{BankAccountId, Event, Money, ProviderId, Refs, Timestamp};
use serde::Serialize;

use crate::{LineKind, Side};

/// Part of a money event: what moved at one provider or bank. Signed as a statement's line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Id of the event and number of the part: `uuid/n`.
    pub id: String,
    /// Stream of the event.
    pub stream: String,
    /// Type of the event.
    pub event: &'static str,
    /// Whether it moved at a provider or at a bank.
    pub side: Side,
    /// The provider or bank account.
    pub place: String,
    /// What a statement would call it.
    pub kind: LineKind,
    /// References that a statement may name, the likeliest first.
    pub references: Vec<String>,
    /// Before the fee.
    pub gross: Money,
    /// What the other side keeps of it.
    pub fee: Money,
    /// When it happened.
    pub at: Timestamp,
}

/// An event with what stands around it.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'e> {
    /// Its id.
    pub id: &'e str,
    /// Its stream.
    pub stream: &'e str,
    /// What it is about.
    pub refs: &'e Refs,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// What happened.
    pub event: &'e Event,
}

/// The event types that have such parts.
pub const KINDS: &[&str] = &[
    "PaymentCaptured",
    "PaymentReversed",
    "UnallocatedRefunded",
    "RefundPaid",
    "RefundFailed",
    "ChargebackReceived",
    "ChargebackWon",
    "ReturnFreightCharged",
    "DepositPaid",
    "DepositRefunded",
    "ProviderPaidOut",
    "TaxRemitted",
    "PayableSettled",
    "OwnFundsMoved",
    "PayoutConfirmed",
    "PayoutReturned",
    "AffiliateCommissionPaid",
];

/// Appends the parts of `stored` that a statement would show.
pub fn entries(stored: &Stored<'_>, out: &mut Vec<Entry>) {
    use LineKind::{Chargeback, ChargebackReversal, Credit, Debit, Payment, Payout, Refund, Reversal};
    let mut parts = Parts { stored, n: 0, out };
    match stored.event {
        Event::PaymentCaptured(e) => {
            let fee = e.fee.unwrap_or(Money::zero(e.amount.currency));
            parts.provider(&e.provider, Payment, e.amount, fee, vec![e.provider_ref.to_string()]);
        }
        // these two name no reference of their own: the checkout is what the provider may repeat
        Event::PaymentReversed(e) => {
            let ours = stored.refs.checkout.map(|c| c.to_string());
            parts.provider(
                &e.provider,
                Reversal,
                minus(e.amount),
                zero(e.amount),
                ours.into_iter().collect(),
            );
        }
        Event::UnallocatedRefunded(e) => {
            for part in &e.parts {
                let reference = part.provider_ref.map(|r| r.to_string());
                let references = reference.into_iter().collect();
                parts.provider(&part.provider, Refund, minus(part.amount), zero(part.amount), references);
            }
        }
        Event::RefundPaid(e) => {
            for part in &e.parts {
                let reference = part.provider_ref.map_or_else(|| e.refund.to_string(), |r| r.to_string());
                parts.provider(
                    &part.provider,
                    Refund,
                    minus(part.amount),
                    zero(part.amount),
                    vec![reference],
                );
            }
        }
        Event::RefundFailed(e) => {
            for part in &e.parts {
                let reference = part.provider_ref.map_or_else(|| e.refund.to_string(), |r| r.to_string());
                parts.provider(&part.provider, Reversal, part.amount, zero(part.amount), vec![reference]);
            }
        }
        Event::ChargebackReceived(e) => {
            let fee = e.fee.unwrap_or(Money::zero(e.amount.currency));
            parts.provider(&e.provider, Chargeback, minus(e.amount), fee, vec![e.chargeback.to_string()]);
        }
        Event::ChargebackWon(e) => {
            let references = vec![e.chargeback.to_string()];
            parts.provider(&e.provider, ChargebackReversal, e.amount, zero(e.amount), references);
        }
        Event::ReturnFreightCharged(e) => {
            parts.provider(&e.provider, Debit, minus(e.amount), zero(e.amount), vec![e.r#return.to_string()]);
        }
        Event::DepositPaid(e) => {
            parts.provider(&e.provider, Payment, e.amount, zero(e.amount), vec![e.provider_ref.to_string()]);
        }
        Event::DepositRefunded(e) => {
            let references = vec![e.provider_ref.to_string()];
            parts.provider(&e.provider, Refund, minus(e.amount), zero(e.amount), references);
        }
        Event::ProviderPaidOut(e) => {
            let fee = e.fee.unwrap_or(Money::zero(e.amount.currency));
            parts.provider(&e.provider, Payout, minus(e.amount), fee, vec![e.reference.to_string()]);
            parts.bank(&e.bank, Credit, e.amount, zero(e.amount), vec![e.reference.to_string()]);
        }
        Event::TaxRemitted(e) => {
            parts.bank(&e.bank, Debit, minus(e.amount), zero(e.amount), vec![e.reference.to_string()]);
        }
        Event::PayableSettled(e) => {
            parts.bank(&e.bank, Debit, minus(e.amount), zero(e.amount), vec![e.reference.to_string()]);
        }
        Event::AffiliateCommissionPaid(e) => {
            parts.bank(&e.bank, Debit, minus(e.amount), zero(e.amount), vec![e.reference.to_string()]);
        }
        Event::OwnFundsMoved(e) => {
            parts.bank(&e.from, Debit, minus(e.amount), zero(e.amount), vec![e.reference.to_string()]);
            parts.bank(&e.to, Credit, e.amount, zero(e.amount), vec![e.reference.to_string()]);
        }
        Event::PayoutConfirmed(e) => {
            let fee = e.fee.unwrap_or(Money::zero(e.amount.currency));
            parts.bank(&e.bank, Debit, minus(e.amount), fee, vec![e.payout.to_string()]);
        }
        Event::PayoutReturned(e) => {
            parts.bank(&e.bank, Credit, e.amount, zero(e.amount), vec![e.payout.to_string()]);
        }
        _ => {}
    }
}

const fn minus(amount: Money) -> Money {
    Money::new(amount.minor.saturating_neg(), amount.currency)
}

const fn zero(of: Money) -> Money {
    Money::zero(of.currency)
}

struct Parts<'e, 'o> {
    stored: &'e Stored<'e>,
    n: usize,
    out: &'o mut Vec<Entry>,
}

impl Parts<'_, '_> {
    fn provider(
        &mut self,
        place: &ProviderId,
        kind: LineKind,
        gross: Money,
        fee: Money,
        references: Vec<String>,
    ) {
        // the market's own gift cards are at no provider
        if place.as_str() != STORED_VALUE_PROVIDER {
            self.push(Side::Provider, place.as_str(), kind, gross, fee, references);
        }
    }

    fn bank(
        &mut self,
        place: &BankAccountId,
        kind: LineKind,
        gross: Money,
        fee: Money,
        references: Vec<String>,
    ) {
        self.push(Side::Bank, place.as_str(), kind, gross, fee, references);
    }

    fn push(
        &mut self,
        side: Side,
        place: &str,
        kind: LineKind,
        gross: Money,
        fee: Money,
        references: Vec<String>,
    ) {
        self.out.push(Entry {
            id: format!("{}/{}", self.stored.id, self.n),
            stream: self.stored.stream.to_owned(),
            event: self.stored.event.kind().as_str(),
            side,
            place: place.to_owned(),
            kind,
            references,
            gross,
            fee,
            at: self.stored.occurred_at,
        });
        self.n += 1;
    }
}
