//! What may be asked of a campaign's stream.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::events::{CampaignKind, CampaignTarget, FundedBy, Holdout, SpendKind};
use crate::schema::RateText;
use crate::{BankAccountId, Code, MerchantId, Money, OrderId, Rate, Reference, Timestamp};

/// Something asked of `campaign-{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum CampaignCommand {
    /// Plans a campaign.
    Plan {
        /// Its name: no other campaign has it at the same time.
        name: String,
        /// What it does.
        kind: CampaignKind,
        /// The first instant in it.
        starts: Timestamp,
        /// The first instant after it.
        ends: Timestamp,
        /// What it may cost. In its currency all its costs are.
        budget: Money,
        /// Most to be spent in a day.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        daily_cap: Option<Money>,
        /// Lowest share of the list price that its goods are sold at, from 0 to 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<RateText>")]
        discount_floor: Option<Rate>,
        /// The channels that it uses.
        #[serde(default)]
        channels: Vec<Code>,
        /// Its pages.
        #[serde(default)]
        pages: Vec<String>,
        /// What it is to reach.
        #[serde(default)]
        targets: Vec<CampaignTarget>,
        /// Visitors who are kept from it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        holdout: Option<Holdout>,
        /// Whose it is; the market's own where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        merchant: Option<MerchantId>,
    },
    /// The campaign begins.
    Start {},
    /// It cost something.
    RecordSpend {
        /// New within the campaign: the bill's or the advert's number and day.
        spend: Reference,
        /// Who is paid.
        channel: Code,
        /// The day that it was spent on, `2026-11-22`.
        day: Code,
        /// What for.
        kind: SpendKind,
        /// How much; zero where adverts were only shown.
        amount: Money,
        /// How often it was shown.
        #[serde(default)]
        impressions: u64,
        /// How often it was clicked.
        #[serde(default)]
        clicks: u64,
        /// Who bears it.
        funded_by: FundedBy,
        /// The keyword that was bid for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keyword: Option<String>,
    },
    /// A partner sent a buyer: a commission of `rate` on `base`, rounded half to even.
    AccrueCommission {
        /// New within the campaign.
        accrual: Reference,
        /// The order that it is for.
        order: OrderId,
        /// The partner.
        partner: Code,
        /// What it is reckoned on.
        base: Money,
        /// The share of it, from 0 to 1.
        #[schemars(with = "RateText")]
        rate: Rate,
        /// Who bears it.
        funded_by: FundedBy,
    },
    /// All that is left of a commission is not owed, or a part of it.
    ReverseCommission {
        /// Which.
        accrual: Reference,
        /// How much of it; all that is left where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount: Option<Money>,
        /// Why.
        reason: String,
    },
    /// A partner was paid what it is owed by the market, or a part of it.
    PayCommission {
        /// The partner.
        partner: Code,
        /// How much.
        amount: Money,
        /// From which account of the market.
        bank: BankAccountId,
        /// The bank's reference, used once.
        reference: Reference,
    },
    /// Coupons were given out.
    IssueCoupons {
        /// New within the campaign.
        batch: Reference,
        /// How many.
        count: u64,
        /// What each takes off.
        value: Money,
        /// What an order must come to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        minimum: Option<Money>,
        /// Until when they can be used.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        valid_until: Option<Timestamp>,
    },
    /// The campaign ends.
    End {
        /// Why, where it is not its plan.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}
