//! What each event is called on a statement, and in which column it stands.

use daybook_domain::EventKind;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Gross,
    Commission,
    Refund,
    Fee,
    Other,
    PaidOut,
}

/// The column of an event.
pub(super) fn kind(event: Option<EventKind>) -> Kind {
    use EventKind as E;
    match event {
        Some(E::EscrowReleased) => Kind::Gross,
        Some(E::CommissionCharged | E::CommissionReversed) => Kind::Commission,
        Some(E::RefundIssued) => Kind::Refund,
        Some(E::PlatformFeeCharged | E::AdvertisingFeeCharged | E::ReturnFreightCharged | E::FeeWaived) => {
            Kind::Fee
        }
        Some(E::PayoutConfirmed | E::PayoutReturned | E::PayoutConverted) => Kind::PaidOut,
        _ => Kind::Other,
    }
}

/// What an event is called.
pub(super) fn label(event: EventKind) -> &'static str {
    use EventKind as E;
    match event {
        E::EscrowReleased => "Sale released",
        E::CommissionCharged => "Commission",
        E::CommissionReversed => "Commission given back",
        E::RefundIssued => "Refund",
        E::PlatformFeeCharged => "Platform fee",
        E::AdvertisingFeeCharged => "Advertising fee",
        E::ReturnFreightCharged => "Return freight",
        E::FeeWaived => "Fee waived",
        E::PenaltyCharged => "Penalty",
        E::RewardGranted => "Reward",
        E::ChargebackClosed => "Chargeback lost",
        E::RulingReversed => "Ruling reversed",
        E::AdjustmentApproved => "Adjustment",
        E::DepositDeducted => "Covered from deposit",
        E::DepositPaidFromBalance => "Paid into deposit",
        E::SettlementClosed => "Settlement",
        E::ReserveReleased => "Reserve released",
        E::BalanceHeld => "Held",
        E::BalanceHoldLifted => "Hold lifted",
        E::PayoutRequested => "Payout requested",
        E::PayoutConverted => "Payout converted",
        E::PayoutConfirmed => "Payout",
        E::PayoutFailed => "Payout failed",
        E::PayoutReturned => "Payout returned",
        other => other.as_str(),
    }
}
