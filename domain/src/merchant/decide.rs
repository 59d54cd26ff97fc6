//! Entry and standing.

use super::commands::{LoanPack, MerchantCommand as Ask};
use super::events::*;
use super::state::{Document, Merchant, Stage};
use super::{entry_rules, fees, qualify};
use crate::decider::{not_negative, pack_described, said};
use crate::{Context, Event, Money, Rejection, Timestamp};

/// The reason of a suspension that ends by itself once the deposit is whole again.
pub const DEPOSIT_SHORT: &str = "deposit_short";
/// The reason of a suspension for a certificate that ran out or was found wanting.
pub(super) const QUALIFICATION_MISSING: &str = "qualification_missing";

type Decided = Result<Vec<Event>, Rejection>;

pub(super) fn decide(m: &Merchant, ask: &Ask, ctx: &Context<'_>) -> Decided {
    known(m, ask, ctx)?;
    match ask {
        Ask::Apply { name, kind, country, settlement_currency } => {
            said("name", name)?;
            match m.stage {
                Stage::Unknown | Stage::Rejected => one(MerchantApplied {
                    name: name.clone(),
                    kind: *kind,
                    country: *country,
                    settlement_currency: *settlement_currency,
                }),
                _ => Err(exists(m)),
            }
        }
        Ask::Import { source, settlement_currency, name, kind, country, region } => {
            if !ctx.import {
                let message = "only an import takes a merchant over unseen: let it apply";
                return Err(Rejection::new("import_only", message));
            }
            if m.imported {
                return Ok(Vec::new());
            }
            if m.stage != Stage::Unknown {
                return Err(exists(m));
            }
            one(MerchantImported {
                source: *source,
                settlement_currency: *settlement_currency,
                name: name.clone(),
                kind: *kind,
                country: *country,
                region: region.clone(),
            })
        }
        Ask::SubmitQualification { kind, document_ref, valid_until } => {
            qualify::submit(m, *kind, *document_ref, *valid_until)
        }
        Ask::VerifyQualification { kind } => qualify::verify(m, *kind, ctx),
        Ask::RejectQualification { kind, reason } => qualify::reject(m, *kind, reason, ctx),
        Ask::ExpireQualification { kind, due } => qualify::expire(m, *kind, *due, ctx),
        Ask::Approve {} => approve(m, ctx),
        Ask::Reject { reason } => {
            said("reason", reason)?;
            match m.stage {
                Stage::Applied => one(MerchantRejected { reason: reason.clone() }),
                Stage::Rejected => Ok(Vec::new()),
                _ => {
                    Err(wrong_stage(m, "only an application is turned down; terminate the merchant instead"))
                }
            }
        }
        Ask::SignContract { document_ref, valid_until } => {
            if *valid_until <= ctx.occurred_at && !ctx.import {
                let message =
                    format!("valid_until {valid_until} has passed: sign a contract that still runs");
                return Err(Rejection::new("contract_ended", message));
            }
            let contract = Document { document_ref: *document_ref, valid_until: Some(*valid_until) };
            if m.contract == Some(contract) {
                return Ok(Vec::new());
            }
            one(ContractSigned { document_ref: *document_ref, valid_until: *valid_until })
        }
        Ask::CommitService { ship_within_hours, return_days, exchange, warranty_months } => {
            let made = ServiceCommitmentMade {
                ship_within_hours: *ship_within_hours,
                return_days: *return_days,
                exchange: *exchange,
                warranty_months: *warranty_months,
            };
            if m.commitment.as_ref() == Some(&made) { Ok(Vec::new()) } else { one(made) }
        }
        Ask::AgreeFeeSchedule(agreed) => fees::agree(m, agreed),
        Ask::SatisfyDeposit { balance, required } => satisfy(m, *balance, *required),
        Ask::ReportDepositShort { balance, required } => short(m, *balance, *required, ctx),
        Ask::OpenStore {} => open(m, ctx),
        Ask::Suspend { reason } => {
            said("reason", reason)?;
            suspend(m, reason)
        }
        Ask::SuspendForDeposit { due } => {
            let still_short = m.deposit.is_some_and(|d| d.short_until == Some(*due));
            if !still_short || !matches!(m.stage, Stage::Open | Stage::Suspended) {
                return Ok(Vec::new());
            }
            due_reached(*due, ctx)?;
            suspend(m, DEPOSIT_SHORT)
        }
        Ask::Reinstate { reason } => reinstate(m, reason, ctx),
        Ask::Assess { period, figures, score, tier, passed } => {
            let assessed = MerchantAssessed {
                period: *period,
                figures: figures.clone(),
                score: *score,
                tier: *tier,
                passed: *passed,
            };
            // figures that came late change an assessment: the later one stands
            if m.assessments.get(period) == Some(&assessed) { Ok(Vec::new()) } else { one(assessed) }
        }
        Ask::Terminate { reason } => match m.stage {
            Stage::Terminated => Ok(Vec::new()),
            Stage::Rejected => Err(wrong_stage(m, "a rejected applicant is not a merchant: nothing ends")),
            _ => one(MerchantTerminated { reason: *reason }),
        },
        Ask::GrantLenderConsent { consent_ref, recipient, through } => {
            match m.consents.get(consent_ref) {
                Some(given) if *given == (*recipient, *through) => return Ok(Vec::new()),
                Some(_) => {
                    let message = format!("consent_ref {consent_ref} is used: give the new consent its own");
                    return Err(Rejection::new("consent_exists", message));
                }
                None => {}
            }
            if *through <= ctx.occurred_at && !ctx.import {
                let message = format!("through {through} has passed: a consent ends in the future");
                return Err(Rejection::new("consent_ended", message));
            }
            one(LenderConsentGranted { consent_ref: *consent_ref, recipient: *recipient, through: *through })
        }
        Ask::RevokeLenderConsent { consent_ref } => match m.consents.get(consent_ref) {
            Some(_) => one(LenderConsentRevoked { consent_ref: *consent_ref }),
            None => Ok(Vec::new()),
        },
        Ask::IssueLoanPack(pack) => issue(m, pack, ctx),
    }
}

/// A lender is handed a history only while the merchant's consent to that lender runs, by the clock: a pack dated back does not
/// outlive it.
fn issue(m: &Merchant, pack: &LoanPack, ctx: &Context<'_>) -> Decided {
    pack_described(&pack.purpose, pack.from, pack.to, pack.digest)?;
    if m.packs.contains(&pack.digest) {
        return Ok(Vec::new());
    }
    let at = if ctx.import { ctx.occurred_at } else { ctx.now.max(ctx.occurred_at) };
    match m.consents.get(&pack.consent_ref) {
        Some((to, through)) if *to == pack.recipient && at <= *through => one(LoanPackIssued {
            digest: pack.digest,
            recipient: pack.recipient,
            consent_ref: pack.consent_ref,
            purpose: pack.purpose.clone(),
            from: pack.from,
            to: pack.to,
            through: pack.through,
            definitions: pack.definitions,
        }),
        Some((to, through)) => {
            let message = format!(
                "consent_ref {} is for {to} until {through}: the merchant has to consent to {}, for now",
                pack.consent_ref, pack.recipient
            );
            Err(Rejection::new("consent_for_other", message))
        }
        None => {
            let message = format!(
                "consent_ref {} is not on record, or was taken back: record the merchant's consent first",
                pack.consent_ref
            );
            Err(Rejection::new("consent_missing", message))
        }
    }
}

pub(super) fn one(event: impl Into<Event>) -> Decided {
    Ok(vec![event.into()])
}

/// Who has left or was never here takes no further part, save that its deposit is still counted and a consent
/// may still be taken back.
fn known(m: &Merchant, ask: &Ask, ctx: &Context<'_>) -> Result<(), Rejection> {
    match (m.stage, ask) {
        (_, Ask::Apply { .. } | Ask::Import { .. }) => Ok(()),
        (Stage::Unknown, _) => {
            Err(Rejection::new("merchant_unknown", "this merchant is not known: let it apply first"))
        }
        (
            Stage::Terminated,
            Ask::SatisfyDeposit { .. }
            | Ask::ReportDepositShort { .. }
            | Ask::SuspendForDeposit { .. }
            | Ask::ExpireQualification { .. }
            | Ask::Terminate { .. }
            | Ask::RevokeLenderConsent { .. },
        ) => Ok(()),
        (Stage::Terminated, _) if !ctx.import => {
            Err(Rejection::new("merchant_terminated", "this merchant has left: a new one has to apply"))
        }
        _ => Ok(()),
    }
}

fn exists(m: &Merchant) -> Rejection {
    Rejection::new("merchant_exists", format!("this merchant is {} already: use another id", m.stage))
}

pub(super) fn wrong_stage(m: &Merchant, cure: &str) -> Rejection {
    Rejection::new("wrong_stage", format!("the merchant is {}: {cure}", m.stage))
}

/// A deadline that comes early is a fault of its caller, not an event.
pub(super) fn due_reached(due: Timestamp, ctx: &Context<'_>) -> Result<(), Rejection> {
    if ctx.occurred_at >= due {
        return Ok(());
    }
    Err(Rejection::new("not_due", format!("this is due at {due}, which has not come")))
}

fn approve(m: &Merchant, ctx: &Context<'_>) -> Decided {
    match m.stage {
        Stage::Applied => {}
        Stage::Rejected => return Err(wrong_stage(m, "it has to apply again before it is approved")),
        Stage::Terminated => return Err(wrong_stage(m, "a new merchant has to apply")),
        _ => return Ok(Vec::new()),
    }
    let version = ctx.policy.entry_rules;
    if !ctx.import {
        shown(m, version, ctx.occurred_at)?;
    } else if let Some(kind) = m.kind {
        entry_rules::requirements(version, kind)?;
    }
    one(MerchantApproved { by: ctx.actor, entry_rules: version })
}

fn shown(m: &Merchant, version: u32, at: Timestamp) -> Result<(), Rejection> {
    let missing = m.missing(version, at)?;
    if missing.is_empty() {
        return Ok(());
    }
    let wants: Vec<_> = missing
        .iter()
        .map(|r| {
            let any: Vec<_> = r.any_of.iter().map(|q| q.as_str()).collect();
            format!("{} ({})", r.proves, any.join(" or "))
        })
        .collect();
    let message = format!("submit and verify {} (entry rules {version})", wants.join(", "));
    Err(Rejection::new("qualification_missing", message))
}

fn open(m: &Merchant, ctx: &Context<'_>) -> Decided {
    match m.stage {
        Stage::Approved => {}
        Stage::Open => return Ok(Vec::new()),
        Stage::Suspended => return Err(wrong_stage(m, "reinstate it instead")),
        Stage::Unknown | Stage::Applied | Stage::Rejected => {
            return Err(wrong_stage(m, "approve it before its store opens"));
        }
        Stage::Terminated => return Err(wrong_stage(m, "a new merchant has to apply")),
    }
    let at = ctx.occurred_at;
    let schedule = m.schedule_at(at).ok_or_else(|| {
        Rejection::new("no_fee_schedule", format!("no fee schedule is in force at {at}: agree one first"))
    })?;
    if !ctx.import {
        let runs = m.contract.is_some_and(|c| c.valid_until.is_none_or(|end| at < end));
        if !runs {
            let message = format!("no signed contract runs at {at}: sign one first");
            return Err(Rejection::new("no_contract", message));
        }
        deposited(m, schedule.deposit_required)?;
    }
    one(StoreOpened { fee_schedule_version: schedule.version })
}

/// The deposit covers what the schedule in force asks. What the deposit stream says is required may lag behind
/// a new schedule, so the balance is compared with the schedule itself.
fn deposited(m: &Merchant, required: Money) -> Result<(), Rejection> {
    if required.is_zero() {
        return Ok(());
    }
    let balance = m.deposit.map_or(Money::zero(required.currency), |d| d.balance);
    if balance.sub(required)?.minor >= 0 {
        return Ok(());
    }
    let message = format!("the deposit is {balance} of {required}: pay the rest in first");
    Err(Rejection::new("deposit_short", message))
}

fn satisfy(m: &Merchant, balance: Money, required: Money) -> Decided {
    not_negative("balance", balance)?;
    not_negative("required", required)?;
    if balance.sub(required)?.minor < 0 {
        let message = format!("balance {balance} is below required {required}: report it as short");
        return Err(Rejection::new("deposit_short", message));
    }
    let same =
        m.deposit.is_some_and(|d| d.short_until.is_none() && d.balance == balance && d.required == required);
    if same {
        return Ok(Vec::new());
    }
    let mut events = vec![DepositSatisfied { balance, required }.into()];
    let only_for_deposit =
        m.suspended_for.len() == 1 && m.suspended_for.iter().all(|reason| reason == DEPOSIT_SHORT);
    if m.stage == Stage::Suspended && only_for_deposit {
        events.push(MerchantReinstated { reason: "deposit_satisfied".to_owned() }.into());
    }
    Ok(events)
}

fn short(m: &Merchant, balance: Money, required: Money, ctx: &Context<'_>) -> Decided {
    not_negative("balance", balance)?;
    if balance.sub(required)?.minor >= 0 {
        let message = format!("balance {balance} covers required {required}: report it as satisfied");
        return Err(Rejection::new("deposit_not_short", message));
    }
    // a further shortage does not extend the grace of the first
    let running = m.deposit.and_then(|d| d.short_until);
    let due = running.unwrap_or_else(|| ctx.occurred_at.plus_days(ctx.policy.deposit_grace_days));
    let same = m
        .deposit
        .is_some_and(|d| d.short_until == Some(due) && d.balance == balance && d.required == required);
    if same { Ok(Vec::new()) } else { one(DepositShort { balance, required, due }) }
}

pub(super) fn suspend(m: &Merchant, reason: &str) -> Decided {
    match m.stage {
        Stage::Open => {}
        Stage::Suspended if m.suspended_for.contains(reason) => return Ok(Vec::new()),
        Stage::Suspended => {}
        _ => return Err(wrong_stage(m, "only an open store is suspended")),
    }
    one(MerchantSuspended { reason: reason.to_owned() })
}

fn reinstate(m: &Merchant, reason: &str, ctx: &Context<'_>) -> Decided {
    said("reason", reason)?;
    match m.stage {
        Stage::Suspended => {}
        Stage::Open => return Ok(Vec::new()),
        _ => return Err(wrong_stage(m, "only a suspended store is reinstated")),
    }
    if !ctx.import {
        if m.suspended_for.contains(DEPOSIT_SHORT) {
            let d = m.deposit.expect("invariant: a suspension for the deposit follows a report of it");
            let message = format!("the deposit is {} of {}: pay the rest in first", d.balance, d.required);
            return Err(Rejection::new("deposit_short", message));
        }
        if let Some(version) = m.entry_rules {
            shown(m, version, ctx.occurred_at)?;
        }
    }
    one(MerchantReinstated { reason: reason.to_owned() })
}
