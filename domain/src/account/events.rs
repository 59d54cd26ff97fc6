//! Events of `account-{merchant}`: what the merchant is owed and paid.

use crate::codec::{event, words};
use crate::schema::RateText;
use crate::{
    AdjustmentId, BankAccountId, CampaignId, Code, Currency, DisputeId, HoldId, Money, PartyId, PayoutId,
};
use crate::{Rate, Reference, SettlementId, Timestamp};

words! {
    /// Which way an adjustment goes.
    Direction { ForMerchant = "for_merchant", AgainstMerchant = "against_merchant" }
}

event! {
    /// The lines up to a cut are settled. total = carried_in + gross - refunds - commission - fees + rewards
    /// - penalties - chargebacks + adjustments. Signs: each figure is positive in its usual direction.
    SettlementClosed {
        settlement: SettlementId,
        /// Lines booked before this business date's start.
        until: Timestamp,
        /// Number of the last line.
        through: u64,
        currency: Currency,
        carried_in: Money,
        gross: Money,
        refunds: Money,
        commission: Money,
        fees: Money,
        rewards: Money,
        penalties: Money,
        chargebacks: Money,
        adjustments: Money,
        total: Money,
        held_as_reserve: Money,
        taken_from_available: Money,
        carried_out: Money,
        orders: u64,
        lines: u64,
        /// Digest of the lines, hex.
        digest: Reference;
        /// When the reserve is released.
        reserve_until: Timestamp,
    }
}
event! {
    /// A settlement's reserve becomes available.
    ReserveReleased { settlement: SettlementId, amount: Money }
}
event! {
    /// Part of what is available is held for a claim; the same hold again, for more of it.
    BalanceHeld { hold: HoldId, amount: Money, reason: String;
        /// What the claim asked for, when more than was available.
        claimed: Money, dispute: DisputeId }
}
event! {
    /// A hold, or what is left of it, is available again; zero where nothing was held.
    BalanceHoldLifted { hold: HoldId, amount: Money }
}
event! {
    /// A hold was used by another stream (a deposit topped up); posted there.
    BalanceHoldSpent { hold: HoldId, amount: Money }
}
event! {
    /// Money is on its way to the merchant.
    PayoutRequested { payout: PayoutId, amount: Money, destination_ref: Reference }
}
event! {
    /// A payout in another currency.
    PayoutConverted {
        payout: PayoutId,
        from: Money,
        to: Money,
        #[schemars(with = "RateText")]
        rate: Rate,
        rate_ref: Reference,
        /// The market's margin, in the currency it was taken from.
        spread: Money,
    }
}
event! {
    /// Handed to a bank.
    PayoutSent { payout: PayoutId, provider_ref: Reference }
}
event! {
    /// The bank paid it. Amount in the payout's currency.
    PayoutConfirmed { payout: PayoutId, amount: Money, bank: BankAccountId; fee: Money }
}
event! {
    /// It failed before it was paid; the amount is available again.
    PayoutFailed { payout: PayoutId, amount: Money, reason: String }
}
event! {
    /// It came back after it was paid; the destination is blocked until the merchant names another.
    PayoutReturned { payout: PayoutId, amount: Money, bank: BankAccountId, destination_ref: Reference,
        reason: String }
}
event! {
    /// A blocked destination was checked and may be used again.
    DestinationUnblocked { destination_ref: Reference, by: PartyId }
}
event! {
    /// The fee for using the platform over a period.
    PlatformFeeCharged { period: Code, amount: Money, vat: Money }
}
event! {
    /// The merchant's share of advertising.
    AdvertisingFeeCharged { campaign: CampaignId, amount: Money, vat: Money }
}
event! {
    /// A penalty by rule.
    PenaltyCharged { amount: Money, reason: String; dispute: DisputeId }
}
event! {
    /// A fee is given back.
    FeeWaived { amount: Money, reason: String, by: PartyId }
}
event! {
    /// A reward by rule.
    RewardGranted { amount: Money, period: Code, kind: Code }
}
event! {
    /// One person asks for an adjustment.
    AdjustmentProposed { adjustment: AdjustmentId, amount: Money, direction: Direction, reason: String, by: PartyId;
        document_ref: Reference }
}
event! {
    /// Another person agrees.
    AdjustmentApproved { adjustment: AdjustmentId, amount: Money, direction: Direction, reason: String, by: PartyId }
}
event! {
    /// Or does not.
    AdjustmentRejected { adjustment: AdjustmentId, by: PartyId, reason: String }
}
