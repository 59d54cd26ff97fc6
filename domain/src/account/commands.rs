//! What may be asked of a merchant's account. Who asks is the context's actor; when, its `occurred_at`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::events::Direction;
use crate::schema::RateText;
use crate::{
    AdjustmentId, BankAccountId, CampaignId, Code, Currency, DisputeId, HoldId, Money, PayoutId, Rate,
    Reference, SettlementId, Timestamp,
};

/// Something asked of `account-{merchant}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum AccountCommand {
    /// Settles the lines up to a cut.
    CloseSettlement(SettlementFigures),
    /// Deadline: what a settlement held back becomes available.
    ReleaseReserve {
        /// The settlement.
        settlement: SettlementId,
    },
    /// Holds what is available, up to a claim. A hold of zero is recorded too: it says that the rest of the
    /// claim must be found elsewhere.
    Hold {
        /// The hold.
        hold: HoldId,
        /// What is claimed.
        claim: Money,
        /// Why.
        reason: String,
        /// The dispute behind it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dispute: Option<DisputeId>,
    },
    /// Makes a hold, or part of it, available again.
    LiftHold {
        /// The hold.
        hold: HoldId,
        /// How much; all that is left of it when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount: Option<Money>,
    },
    /// Records that another stream used a hold; that stream posts it.
    SpendHold {
        /// The hold.
        hold: HoldId,
        /// How much was used.
        amount: Money,
    },
    /// Starts a payout.
    RequestPayout {
        /// The payout.
        payout: PayoutId,
        /// How much, in the account's currency.
        amount: Money,
        /// The merchant's bank account, as a reference.
        destination_ref: Reference,
    },
    /// Converts a payout that has not been sent. It pays (amount - spread) x rate.
    ConvertPayout {
        /// The payout.
        payout: PayoutId,
        /// The currency to pay in.
        currency: Currency,
        /// Units of that currency for one unit of the account's.
        #[schemars(with = "RateText")]
        rate: Rate,
        /// Who published the rate, and when.
        rate_ref: Reference,
        /// The market's margin, in the account's currency; may be zero.
        spread: Money,
    },
    /// Hands a payout to a bank.
    SendPayout {
        /// The payout.
        payout: PayoutId,
        /// The bank's or provider's reference, used once.
        provider_ref: Reference,
    },
    /// Records that the bank paid it.
    ConfirmPayout {
        /// The payout.
        payout: PayoutId,
        /// The market's bank account it was paid from.
        bank: BankAccountId,
        /// What the bank charged the market.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fee: Option<Money>,
    },
    /// Records that it failed before it was paid.
    FailPayout {
        /// The payout.
        payout: PayoutId,
        /// Why.
        reason: String,
    },
    /// Records that it came back after it was paid.
    ReturnPayout {
        /// The payout.
        payout: PayoutId,
        /// The market's bank account it came back to.
        bank: BankAccountId,
        /// Why.
        reason: String,
    },
    /// Allows a blocked destination again.
    UnblockDestination {
        /// The merchant's bank account, as a reference.
        destination_ref: Reference,
    },
    /// Charges the fee for using the platform, once per period.
    ChargePlatformFee {
        /// The period, e.g. `2018-05`.
        period: Code,
        /// How much, without VAT; as the fee schedule in force says when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount: Option<Money>,
    },
    /// Charges the merchant's share of advertising.
    ChargeAdvertisingFee {
        /// The campaign.
        campaign: CampaignId,
        /// How much, without VAT.
        amount: Money,
    },
    /// Charges a penalty.
    ChargePenalty {
        /// How much.
        amount: Money,
        /// The rule broken.
        reason: String,
        /// The dispute that found it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dispute: Option<DisputeId>,
    },
    /// Gives a fee back.
    WaiveFee {
        /// How much.
        amount: Money,
        /// Why.
        reason: String,
    },
    /// Grants a reward.
    GrantReward {
        /// How much.
        amount: Money,
        /// The period rewarded.
        period: Code,
        /// The rule, e.g. `growth`.
        kind: Code,
    },
    /// Grants what the market's settings say for a tier, once a period: an assessment was passed.
    RewardTier {
        /// The period that was assessed.
        period: Code,
        /// The tier.
        tier: Code,
    },
    /// One person asks for an adjustment.
    ProposeAdjustment {
        /// The adjustment.
        adjustment: AdjustmentId,
        /// How much.
        amount: Money,
        /// Which way.
        direction: Direction,
        /// Why.
        reason: String,
        /// What it rests on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        document_ref: Option<Reference>,
    },
    /// Another person agrees.
    ApproveAdjustment {
        /// The adjustment.
        adjustment: AdjustmentId,
    },
    /// Another person, or the proposer, drops it.
    RejectAdjustment {
        /// The adjustment.
        adjustment: AdjustmentId,
        /// Why.
        reason: String,
    },
}

/// What a settlement run found: the sums of a merchant's lines up to a cut. Each figure is positive in its usual
/// direction, except `adjustments`, which is signed (for the merchant positive).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SettlementFigures {
    /// The settlement.
    pub settlement: SettlementId,
    /// Lines booked before this business date's start.
    pub until: Timestamp,
    /// Number of the last line.
    pub through: u64,
    /// The account's currency.
    pub currency: Currency,
    /// What the run takes the last settlement to have carried out: checked.
    pub carried_in: Money,
    /// Released to the merchant.
    pub gross: Money,
    /// Refunds borne after release.
    pub refunds: Money,
    /// Commission and its VAT, net of what was reversed.
    pub commission: Money,
    /// Platform and advertising fees with VAT, net of what was waived.
    pub fees: Money,
    /// Rewards.
    pub rewards: Money,
    /// Penalties.
    pub penalties: Money,
    /// Chargebacks borne.
    pub chargebacks: Money,
    /// Adjustments, signed.
    pub adjustments: Money,
    /// carried_in + gross - refunds - commission - fees + rewards - penalties - chargebacks + adjustments: checked.
    pub total: Money,
    /// How many orders the lines concern.
    pub orders: u64,
    /// How many lines.
    pub lines: u64,
    /// Digest of the lines, hex.
    pub digest: Reference,
}
