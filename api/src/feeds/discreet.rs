//! Events in which parties go by pseudonyms: for analysts. And what merchants may not see of their own.
//!
//! What is shown is listed, not what is hidden: a member that a new event brings is left out until somebody has
//! looked at it, and a test demands that somebody does.

use std::borrow::Cow;

use daybook_domain::Refs;
use serde_json::{Map, Value};

use crate::access::Pseudonyms;

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
    "rule", "share", "side", "value", "vat_on_fees", "version", "through", "type", "seal", "merchants", "root", "after", "follows", "sum", "sums", "leaves",
    "after_sales_days", "appeal_days", "chargeback_window_days", "checkout_expires_hours", "clock_tolerance_seconds", "days",
    "deposit_grace_days", "dispute_answer_days", "entry_rules", "release_after_days", "return_answer_days", "return_days",
    "ship_within_days", "ship_within_hours", "warranty_months", "window_seconds",
    // times
    "after_sales_until", "answer_due", "appeal_due", "at", "closed_until", "deliver_by", "due_at", "effective_from", "expires",
    "first_contact", "funding_due", "release_due", "reserve_until", "ship_by", "ship_due", "since", "until", "valid_until",
    "day_only", "definitions", "direction", "time_zone",
    // what was sold, and how it went
    "campaign", "carrier", "channel", "checkout", "country", "coupon", "delivery", "dispute", "exchange", "for", "format", "goods",
    "group", "how", "jurisdiction", "landing", "line", "number", "order", "origin", "outcome", "overall", "paid_by", "passed",
    "payment", "product", "provider", "quote", "refund", "region", "return", "review", "round", "sales_channel", "score", "segment",
    "service", "settlement_currency", "shipment", "tier", "chargeback", "entries", "break", "digest", "file",
    // what visitors did, but for addresses and words, which may name them
    "act", "cart", "device", "medium", "tags", "topic",
    // campaigns and channels
    "budget", "buyers", "channels", "clicks", "count", "daily_cap", "day", "discount_floor", "ends", "free_uv", "funded_by", "gmv",
    "conversion", "expiry", "points", "spent",
    "holdout", "impressions", "metric", "minimum", "paid_uv", "pv", "starts", "targets", "uv",
];

/// Members that name a party: shown as its pseudonym.
const NAMED: &[&str] = &["agent", "approved_by", "buyer", "by", "merchant", "proposed_by", "visitor"];

/// What stands in `by` where it says what kind of party it was, not which.
const KINDS: &[&str] = &["buyer", "merchant", "market", "platform", "deposit", "timeout", "inspection"];

/// Members from which a party could be known: accounts and papers, references of
/// banks and providers, ids that may be made of a merchant's or hold an event's, and words that people wrote.
#[cfg(test)]
#[rustfmt::skip]
const LEFT_OUT: &[&str] = &[
    "name", "purpose", "recipient",
    "account", "bank", "consent_ref", "destination_ref", "document_ref", "instrument", "other_ours", "other_references", "ours",
    "provider_ref", "rate_ref", "reference", "source", "tracking", "words", "from", "to",
    "adjustment", "hold", "payout", "settlement", "stream", "reads", "voucher", "entry",
    "answer", "because", "detail", "note", "reason", "resolution",
    "accrual", "batch", "keyword", "pages", "partner", "salt", "spend",
    "page", "referrer", "target", "query", "term", "content", "click_id",
];

/// Streams that are named after a party.
const OF_PARTIES: &[&str] = &["merchant", "account", "deposit", "lead"];

/// An event's data: what is not [`SHOWN`] is left out, who is [`NAMED`] goes by a pseudonym.
pub(super) fn data(data: Value, names: &Pseudonyms) -> Value {
    match data {
        Value::Object(members) => {
            let seen = members.into_iter().filter_map(|(name, value)| {
                if SHOWN.contains(&name.as_str()) {
                    return Some((name, self::data(value, names)));
                }
                match value {
                    Value::String(kind) if name == "by" && KINDS.contains(&kind.as_str()) => {
                        Some((name, kind.into()))
                    }
                    Value::String(party) => {
                        NAMED.contains(&name.as_str()).then(|| (name, names.of(&party).into()))
                    }
                    _ => None,
                }
            });
            Value::Object(seen.collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(|item| self::data(item, names)).collect()),
        other => other,
    }
}

/// Events of a merchant's orders that say by which instrument of the buyer a part was paid back.
const OF_INSTRUMENTS: &[&str] = &["RefundPaid", "RefundFailed"];

/// An event's data as its merchant sees it, where that is less than all: how a buyer pays is no merchant's business.
pub(super) fn to_merchant(kind: &str, data: &str) -> Result<Option<Value>, serde_json::Error> {
    if !OF_INSTRUMENTS.contains(&kind) {
        return Ok(None);
    }
    let mut data: Value = serde_json::from_str(data)?;
    for part in data["parts"].as_array_mut().into_iter().flatten() {
        if let Some(part) = part.as_object_mut() {
            part.remove("provider_ref");
        }
    }
    Ok(Some(data))
}

/// References with pseudonyms for parties.
pub(super) fn refs(refs: Refs, names: &Pseudonyms) -> Refs {
    Refs {
        merchant: refs.merchant.and_then(|id| names.of(id.as_str()).parse().ok()),
        buyer: refs.buyer.and_then(|id| names.of(id.as_str()).parse().ok()),
        visitor: refs.visitor.and_then(|id| names.of(id.as_str()).parse().ok()),
        lead: refs.lead.and_then(|id| names.of(id.as_str()).parse().ok()),
        ..refs
    }
}

/// The stream's name; of one that is named after a party, with its pseudonym.
pub(super) fn subject<'a>(stream: &'a str, names: &Pseudonyms) -> Cow<'a, str> {
    let category = daybook_journal::category(stream);
    match stream.strip_prefix(category).and_then(|rest| rest.strip_prefix('-')) {
        Some(id) if OF_PARTIES.contains(&category) => format!("{category}-{}", names.of(id)).into(),
        _ => stream.into(),
    }
}

#[cfg(test)]
#[path = "discreet_tests.rs"]
mod tests;
