//! Events without what says who is concerned: for analysts.
//!
//! What is shown is listed, not what is hidden: a member that a new event brings is left out until somebody has
//! looked at it, and a test demands that somebody does.

use daybook_domain::Refs;
use serde_json::{Map, Value};

/// Members of events that say nothing of who is concerned.
#[rustfmt::skip]
const SHOWN: &[&str] = &[
    // money
    "amount", "balance", "base", "borne_by", "buyer_pays", "carried_in", "carried_out", "chargebacks", "claim", "claimed",
    "closing", "commission", "currency", "deposit_required", "discount", "due", "duty", "fee", "fees", "figures", "from_deposit",
    "from_escrow", "from_merchant", "from_platform", "from_refunds", "from_unallocated", "gross", "held_as_reserve", "list_price",
    "loss", "merchant_base", "minimum_payout", "net", "opening", "penalties", "penalty", "penalty_back", "platform_fee", "refunds",
    "required", "reserve", "rewards", "shipping", "shortfall", "shortfall_back", "spread", "subsidies", "subsidies_back",
    "taken_from_available", "tax", "tax_back", "to_buyer", "to_deposit", "to_merchant", "total", "totals", "unit_price", "vat",
    "adjustments",
    // rates, counts and rules
    "as", "categories", "category", "clause", "commission_rate", "currencies", "cycle", "default_commission", "fee_schedule_version",
    "instalments", "kind", "lines", "method", "mode", "orders", "parts", "period", "policy", "promise", "quantity", "rate", "results",
    "rule", "share", "side", "value", "vat_on_fees", "version", "through", "type",
    "after_sales_days", "appeal_days", "chargeback_window_days", "checkout_expires_hours", "clock_tolerance_seconds", "days",
    "deposit_grace_days", "dispute_answer_days", "entry_rules", "release_after_days", "return_answer_days", "return_days",
    "ship_within_days", "ship_within_hours", "warranty_months", "window_seconds",
    // times
    "after_sales_until", "answer_due", "appeal_due", "at", "closed_until", "deliver_by", "due_at", "effective_from", "expires",
    "first_contact", "funding_due", "release_due", "reserve_until", "ship_by", "ship_due", "since", "until", "valid_until",
    "day_only", "direction", "time_zone",
    // what was sold, and how it went
    "campaign", "carrier", "channel", "checkout", "country", "coupon", "delivery", "dispute", "exchange", "for", "format", "goods",
    "group", "how", "jurisdiction", "landing", "line", "number", "order", "origin", "outcome", "overall", "paid_by", "passed",
    "payment", "product", "provider", "quote", "refund", "region", "return", "review", "round", "sales_channel", "score", "segment",
    "service", "settlement_currency", "shipment", "tier", "chargeback", "entries", "entry", "break", "digest", "file",
];

/// Members that name a party, or from which one could be known: whoever acted, accounts and papers, references of
/// banks and providers, ids that may be made of a merchant's, and words that people wrote.
#[cfg(test)]
#[rustfmt::skip]
const LEFT_OUT: &[&str] = &[
    "agent", "approved_by", "buyer", "by", "merchant", "name", "proposed_by", "recipient", "visitor",
    "account", "bank", "consent_ref", "destination_ref", "document_ref", "instrument", "other_ours", "other_references", "ours",
    "provider_ref", "rate_ref", "reference", "source", "tracking", "words", "from", "to",
    "adjustment", "hold", "payout", "settlement", "stream", "reads", "voucher",
    "answer", "because", "detail", "note", "reason", "resolution",
];

/// Streams that are named after a party.
const OF_PARTIES: &[&str] = &["merchant", "account", "deposit", "lead"];

/// An event's data without what is not [`SHOWN`].
pub(super) fn data(data: Value) -> Value {
    match data {
        Value::Object(members) => {
            let shown = members.into_iter().filter(|(name, _)| SHOWN.contains(&name.as_str()));
            Value::Object(shown.map(|(name, value)| (name, self::data(value))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(self::data).collect()),
        other => other,
    }
}

/// References without parties.
pub(super) fn refs(refs: Refs) -> Refs {
    Refs { merchant: None, buyer: None, visitor: None, lead: None, ..refs }
}

/// The stream, where it is not named after a party.
pub(super) fn subject(stream: &str) -> Option<&str> {
    (!OF_PARTIES.contains(&daybook_journal::category(stream))).then_some(stream)
}

#[cfg(test)]
#[path = "discreet_tests.rs"]
mod tests;
