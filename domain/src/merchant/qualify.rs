//! Certificates: handed in, judged, run out.

use super::decide::{QUALIFICATION_MISSING, due_reached, one};
use super::events::*;
use super::state::{Document, Merchant, Stage};
use crate::decider::{Aggregate, said};
use crate::{Context, Event, Reference, Rejection, Timestamp};

type Decided = Result<Vec<Event>, Rejection>;

pub(super) fn submit(
    m: &Merchant,
    kind: QualificationKind,
    document_ref: Reference,
    valid_until: Option<Timestamp>,
) -> Decided {
    let document = Document { document_ref, valid_until };
    let already = m.submitted.get(&kind).or_else(|| m.verified.get(&kind));
    if already == Some(&document) {
        return Ok(Vec::new());
    }
    one(QualificationSubmitted { kind, document_ref, valid_until })
}

pub(super) fn verify(m: &Merchant, kind: QualificationKind, ctx: &Context<'_>) -> Decided {
    let Some(document) = m.submitted.get(&kind) else {
        if m.verified.contains_key(&kind) {
            return Ok(Vec::new());
        }
        return Err(not_submitted(kind));
    };
    if let Some(end) = document.valid_until
        && end <= ctx.occurred_at
        && !ctx.import
    {
        let message = format!("the {kind} ran out at {end}: submit one that is still valid");
        return Err(Rejection::new("qualification_expired", message));
    }
    one(QualificationVerified { kind, by: ctx.actor })
}

pub(super) fn reject(m: &Merchant, kind: QualificationKind, reason: &str, ctx: &Context<'_>) -> Decided {
    said("reason", reason)?;
    if !m.submitted.contains_key(&kind) && !m.verified.contains_key(&kind) {
        return Err(not_submitted(kind));
    }
    with_consequence(m, QualificationRejected { kind, reason: reason.to_owned() }.into(), ctx)
}

pub(super) fn expire(m: &Merchant, kind: QualificationKind, due: Timestamp, ctx: &Context<'_>) -> Decided {
    let stands = m.verified.get(&kind).is_some_and(|d| d.valid_until == Some(due));
    if !stands {
        return Ok(Vec::new());
    }
    due_reached(due, ctx)?;
    with_consequence(m, QualificationExpired { kind }.into(), ctx)
}

/// A store whose merchant no longer meets the rules it was let in by stops selling with the event that says so.
fn with_consequence(m: &Merchant, event: Event, ctx: &Context<'_>) -> Decided {
    let mut after = m.clone();
    after.evolve(&event, ctx.occurred_at);
    let mut events = vec![event];
    if let (Stage::Open | Stage::Suspended, Some(version)) = (m.stage, m.entry_rules)
        && !m.suspended_for.contains(QUALIFICATION_MISSING)
        && !after.missing(version, ctx.occurred_at)?.is_empty()
        && !ctx.import
    {
        events.push(MerchantSuspended { reason: QUALIFICATION_MISSING.to_owned() }.into());
    }
    Ok(events)
}

fn not_submitted(kind: QualificationKind) -> Rejection {
    Rejection::new("qualification_not_submitted", format!("no {kind} was handed in: submit it first"))
}
