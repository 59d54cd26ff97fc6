//! What is odd about an order of the data set: its times, and its money.

use daybook_domain::{Money, MoneyError, Timestamp};

use super::findings::{FindingKind, Findings};
use super::plan::CheckoutPlan;
use super::rows::{OrderRow, Status};

impl OrderRow {
    /// The last of the order's four times.
    #[must_use]
    pub fn last_time(&self) -> Timestamp {
        [self.approved, self.carrier, self.delivered]
            .into_iter()
            .flatten()
            .fold(self.purchased, Timestamp::max)
    }
}

/// Rows that are not in time order.
pub(super) fn of_the_file(rows: &[OrderRow], findings: &mut Findings) {
    for pair in rows.windows(2) {
        if pair[1].purchased < pair[0].purchased {
            let detail = format!("{} after {}", pair[1].purchased, pair[0].purchased);
            findings.add(FindingKind::OrdersOutOfOrder, pair[1].id.as_str(), detail);
        }
    }
}

/// Times that contradict each other or the status.
pub(super) fn of_the_times(row: &OrderRow, findings: &mut Findings) {
    let mut earlier = |kind, this: Option<Timestamp>, that: Option<Timestamp>| {
        if let (Some(this), Some(that)) = (this, that)
            && this < that
        {
            findings.add(kind, row.id.as_str(), format!("{this} before {that}"));
        }
    };
    earlier(FindingKind::CarrierBeforeApproval, row.carrier, row.approved);
    earlier(FindingKind::CarrierBeforePurchase, row.carrier, Some(row.purchased));
    earlier(FindingKind::DeliveredBeforeCarrier, row.delivered, row.carrier);
    earlier(FindingKind::DeliveredBeforeApproval, row.delivered, row.approved);
    for item in &row.items {
        earlier(FindingKind::ShipLimitAfterEstimate, row.estimated, item.ship_by);
    }
    let mut add = |kind, detail: String| findings.add(kind, row.id.as_str(), detail);
    let delivered = row.status == Status::Delivered;
    if delivered && row.delivered.is_none() {
        add(FindingKind::DeliveredWithoutDate, format!("taken as {}", row.last_time()));
    }
    if delivered && row.carrier.is_none() {
        add(FindingKind::DeliveredWithoutCarrierDate, String::new());
    }
    if row.status == Status::Canceled && row.carrier.is_some() {
        add(FindingKind::CancelledAfterHandover, String::new());
    }
    if let (Status::Canceled, Some(at)) = (row.status, row.delivered) {
        add(FindingKind::CancelledAfterDelivery, format!("delivered {at}"));
    }
    let left = matches!(row.status, Status::Shipped | Status::Delivered);
    let ended = matches!(row.status, Status::Canceled | Status::Unavailable);
    if !ended && ((!left && row.carrier.is_some()) || (!delivered && row.delivered.is_some())) {
        add(FindingKind::DateBeyondStatus, format!("{:?}", row.status).to_lowercase());
    }
    if row.approved.is_none() && row.payments.iter().any(|p| !p.amount.is_zero()) {
        add(FindingKind::ApprovalMissing, format!("captured {}", row.purchased));
    }
    if row.reviews.len() > 1 {
        add(FindingKind::ReviewsSeveral, row.reviews.len().to_string());
    }
    let numbers = row.payments.iter().map(|p| p.number);
    if numbers.zip(1..).any(|(number, expected)| number != expected) {
        let numbers: Vec<String> = row.payments.iter().map(|p| p.number.to_string()).collect();
        add(FindingKind::PaymentSequenceGap, numbers.join(" "));
    }
}

/// Money that does not match.
pub(super) fn of_the_money(
    row: &OrderRow,
    plan: &CheckoutPlan,
    findings: &mut Findings,
) -> Result<(), MoneyError> {
    let (due, paid) = (plan.due()?, plan.paid()?);
    let difference = paid.sub(due)?;
    let id = row.id.as_str();
    if row.items.is_empty() {
        findings.add_amount(FindingKind::OrderWithoutItems, id, format!("paid {}", paid.amount()), paid);
        if paid.is_zero() {
            findings.add(FindingKind::OrderWithoutItemsUnpaid, id, "");
        }
        return Ok(());
    }
    if difference.is_zero() {
        return Ok(());
    }
    let detail = format!("due {}, paid {}", due.amount(), paid.amount());
    let absolute = Money { minor: difference.minor.abs(), ..difference };
    if !row.payments.is_empty() {
        findings.add(FindingKind::PaymentsDiffer, id, &detail);
        if absolute.minor == 1 {
            findings.add(FindingKind::PaymentsDifferByOneCent, id, &detail);
        }
    }
    if difference.minor > 0 {
        findings.add_amount(FindingKind::Overpaid, id, &detail, absolute);
    }
    if !plan.shortfall.is_zero() {
        findings.add_amount(FindingKind::ShortfallAccepted, id, &detail, plan.shortfall);
    }
    if paid.is_zero() {
        findings.add_amount(FindingKind::NeverPaid, id, detail, due);
    }
    Ok(())
}
