//! One row per dispute.

use daybook_domain::{DisputeId, Event, EventKind};

use super::{set, text, text_of};
use crate::model::{Envelope, Index, Key, Keys, KindSet, Model, Out};
use crate::record;
use crate::record::NoChild;
use crate::world::World;

record! {
    /// A dispute. Amounts are minor units of `currency`, gross.
    DisputeRow in "disputes", key(dispute_id, order_id) {
        /// The dispute.
        dispute_id: String,
        /// Its order.
        order_id: String,
        /// The seller.
        merchant_id: String,
        /// The buyer, pseudonymous.
        buyer_id: String,
        /// ISO 4217 code.
        currency: String,
        /// opened, answered, escalated, ruled, appealed, upheld, reversed, withdrawn or closed.
        state: String,
        /// buyer, merchant or market.
        opened_by: String,
        /// What it is about.
        category: String,
        /// What is asked for.
        claim: i64 = money,
        /// When it was opened.
        opened_at: i64 = time,
        /// Ruled for the buyer when nobody has answered by then.
        answer_due: Option<i64> = time,
        /// When the other side first answered.
        answered_at: Option<i64> = time,
        /// Pieces of evidence.
        evidence: i64,
        /// When the market took it over.
        escalated_at: Option<i64> = time,
        /// When it was last ruled.
        ruled_at: Option<i64> = time,
        /// buyer, merchant or split.
        ruled_for: Option<String>,
        /// What the ruling grants.
        refund: i64 = money,
        /// What it fines the merchant.
        penalty: i64 = money,
        /// Of the refund: from escrow.
        from_escrow: i64 = money,
        /// Of the refund: from the merchant's balance.
        from_merchant: i64 = money,
        /// Of the refund: from its deposit.
        from_deposit: i64 = money,
        /// Of the refund: from the market.
        from_platform: i64 = money,
        /// The rule it rests on, `version:clause`.
        rule: Option<String>,
        /// Why.
        reason: Option<String>,
        /// Final when nobody appeals by then.
        appeal_due: Option<i64> = time,
        /// When it was last appealed.
        appealed_at: Option<i64> = time,
        /// Given back to the merchant and its deposit when the ruling was reversed.
        given_back: i64 = money,
        /// How it ended: ruled, upheld, reversed or withdrawn.
        outcome: Option<String>,
        /// When it was closed.
        closed_at: Option<i64> = time,
    }
}

/// The model of [`DisputeRow`].
#[derive(Debug)]
pub struct Disputes;

/// The state of a dispute after an event of it.
pub(super) fn state_after(event: &Event) -> Option<&'static str> {
    Some(match event {
        Event::DisputeOpened(_) => "opened",
        Event::DisputeAnswered(_) => "answered",
        Event::DisputeEscalated(_) => "escalated",
        Event::DisputeRuled(_) => "ruled",
        Event::DisputeAppealed(_) => "appealed",
        Event::RulingUpheld(_) => "upheld",
        Event::RulingReversed(_) => "reversed",
        Event::DisputeWithdrawn(_) => "withdrawn",
        Event::DisputeClosed(_) => "closed",
        _ => return None,
    })
}

fn dispute_of(event: &Event) -> Option<&DisputeId> {
    Some(match event {
        Event::DisputeOpened(x) => &x.dispute,
        Event::EvidenceSubmitted(x) => &x.dispute,
        Event::DisputeAnswered(x) => &x.dispute,
        Event::DisputeEscalated(x) => &x.dispute,
        Event::DisputeRuled(x) => &x.dispute,
        Event::DisputeAppealed(x) => &x.dispute,
        Event::RulingUpheld(x) => &x.dispute,
        Event::RulingReversed(x) => &x.dispute,
        Event::DisputeWithdrawn(x) => &x.dispute,
        Event::DisputeClosed(x) => &x.dispute,
        _ => return None,
    })
}

impl Model for Disputes {
    type Row = DisputeRow;
    type Child = NoChild;
    const VERSION: u32 = 1;
    const KINDS: KindSet = KindSet::of(&[
        EventKind::DisputeOpened,
        EventKind::EvidenceSubmitted,
        EventKind::DisputeAnswered,
        EventKind::DisputeEscalated,
        EventKind::DisputeRuled,
        EventKind::DisputeAppealed,
        EventKind::RulingUpheld,
        EventKind::RulingReversed,
        EventKind::DisputeWithdrawn,
        EventKind::DisputeClosed,
    ]);
    const INDEXES: &'static [Index] = &[
        Index::on(&["state", "opened_at", "dispute_id"]),
        Index::on(&["order_id"]),
        Index::on(&["merchant_id", "opened_at", "dispute_id"]),
    ];

    fn route<'e>(e: &'e Envelope<'e>, keys: &mut Keys<'e>) {
        if let (Some(dispute), Some(order)) = (dispute_of(e.event), &e.refs.order) {
            keys.push(Key::new(&[dispute.as_str(), order.as_str()]));
        }
    }

    fn empty(key: &Key<'_>) -> DisputeRow {
        DisputeRow { dispute_id: text(key.part(0)), order_id: text(key.part(1)), ..DisputeRow::default() }
    }

    fn fold(row: &mut DisputeRow, _: usize, e: &Envelope<'_>, _: &World, out: &mut Out<NoChild>) {
        let at = Some(e.occurred_at);
        if let Some(state) = state_after(e.event) {
            set(&mut row.state, state);
        }
        match e.event {
            Event::DisputeOpened(x) => {
                row.merchant_id = text_of(e.refs.merchant).unwrap_or_default();
                row.buyer_id = text_of(e.refs.buyer).unwrap_or_default();
                row.currency = text(x.claim.currency.as_str());
                row.opened_by = text(x.by.as_str());
                row.category = text(x.category.as_str());
                row.claim = x.claim.minor;
                row.opened_at = e.occurred_at;
                row.answer_due = Some(x.answer_due.0);
            }
            Event::EvidenceSubmitted(_) => row.evidence += 1,
            Event::DisputeAnswered(_) => row.answered_at = row.answered_at.or(at),
            Event::DisputeEscalated(_) => row.escalated_at = at,
            Event::DisputeRuled(x) => {
                row.ruled_at = at;
                row.ruled_for = Some(text(x.r#for.as_str()));
                row.refund = x.refund.minor;
                row.penalty = x.penalty.minor;
                row.from_escrow = x.from_escrow.minor;
                row.from_merchant = x.from_merchant.minor;
                row.from_deposit = x.from_deposit.minor;
                row.from_platform = x.from_platform.minor;
                row.rule = Some(format!("{}:{}", x.rule.version, x.rule.clause));
                row.reason = Some(x.reason.clone());
                row.appeal_due = Some(x.appeal_due.0);
            }
            Event::DisputeAppealed(x) => {
                row.appealed_at = at;
                row.answer_due = Some(x.answer_due.0);
            }
            Event::RulingUpheld(_) => row.outcome = Some(text("upheld")),
            Event::DisputeWithdrawn(_) => row.outcome = Some(text("withdrawn")),
            Event::RulingReversed(x) => {
                row.outcome = Some(text("reversed"));
                out.add(&mut row.given_back, x.to_merchant.minor);
                out.add(&mut row.given_back, x.to_deposit.minor);
            }
            Event::DisputeClosed(_) => {
                row.closed_at = at;
                if row.outcome.is_none() && row.ruled_at.is_some() {
                    row.outcome = Some(text("ruled"));
                }
            }
            _ => {}
        }
    }
}
