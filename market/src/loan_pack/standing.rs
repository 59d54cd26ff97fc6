//! What events say of a merchant's standing.

use daybook_domain::{Currency, Event, EventKind, Timestamp};
use daybook_packs::{FIRST_SALE, STORE_OPENED, Standing};

/// The rows of an event: what it is about, and what it says.
pub(super) fn rows(event: &Event, at: Timestamp) -> Vec<Standing> {
    let mut rows = Vec::new();
    let mut row = |what: &str, value: String| {
        let event = event.kind().as_str().to_owned();
        rows.push(Standing { at, event, what: what.to_owned(), value });
    };
    match event {
        Event::MerchantApplied(e) => {
            row("name", e.name.clone());
            row("kind", e.kind.to_string());
            row("country", e.country.to_string());
            row("settlement_currency", e.settlement_currency.to_string());
        }
        Event::MerchantImported(e) => {
            row("imported_from", e.source.to_string());
            row("settlement_currency", e.settlement_currency.to_string());
            let known = [
                ("name", e.name.clone()),
                ("kind", e.kind.map(|kind| kind.to_string())),
                ("country", e.country.map(|country| country.to_string())),
                ("region", e.region.clone()),
            ];
            for (what, value) in known {
                if let Some(value) = value {
                    row(what, value);
                }
            }
        }
        Event::QualificationVerified(e) => row("verified", e.kind.to_string()),
        Event::QualificationRejected(e) => row("rejected", e.kind.to_string()),
        Event::QualificationExpired(e) => row("expired", e.kind.to_string()),
        Event::MerchantApproved(e) => row("entry_rules", e.entry_rules.to_string()),
        Event::MerchantRejected(e) => row("reason", e.reason.clone()),
        Event::ContractSigned(e) => {
            row("contract", e.document_ref.to_string());
            row("contract_valid_until", e.valid_until.to_string());
        }
        Event::ServiceCommitmentMade(e) => {
            row("ship_within_hours", e.ship_within_hours.to_string());
            row("return_days", e.return_days.to_string());
            row("exchange", if e.exchange { "yes" } else { "no" }.to_owned());
            row("warranty_months", e.warranty_months.to_string());
        }
        Event::FeeScheduleAgreed(e) => {
            row("fee_schedule", e.version.to_string());
            row("effective_from", e.effective_from.to_string());
            row("default_commission", e.default_commission.normalize().to_string());
            row("settlement_cycle", e.settlement.cycle.to_string());
            if let Some(reserve) = &e.reserve {
                row("reserve", format!("{} for {} days", reserve.share.normalize(), reserve.days));
            }
        }
        Event::DepositRequired(e) => row("deposit_required", e.amount.to_string()),
        Event::DepositSatisfied(e) => row("deposit_satisfied", e.balance.to_string()),
        Event::DepositShort(e) => row("deposit_short", e.balance.to_string()),
        Event::StoreOpened(e) => row(STORE_OPENED, e.fee_schedule_version.to_string()),
        Event::MerchantSuspended(e) => row("reason", e.reason.clone()),
        Event::MerchantReinstated(e) => row("reason", e.reason.clone()),
        Event::MerchantAssessed(e) => {
            let passed = if e.passed { "passed" } else { "not passed" };
            row("assessed", format!("{}: {} {}, {passed}", e.period, e.score.normalize(), e.tier));
        }
        Event::MerchantTerminated(e) => row("reason", e.reason.to_string()),
        _ => {}
    }
    rows
}

/// The row of the first sale that was paid.
pub(super) fn first_sale(at: Timestamp, of: Currency) -> Standing {
    let event = EventKind::EscrowFunded.as_str().to_owned();
    Standing { at, event, what: FIRST_SALE.to_owned(), value: of.as_str().to_owned() }
}
