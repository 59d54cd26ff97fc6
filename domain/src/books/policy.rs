//! Settings of a market. They are events, so that a rebuild and a copy see the same.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::{DAY, SECOND};
use crate::{Code, Currency, Money};

/// Timeouts, tolerances and rules in force. Durations are in the unit their name says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// How far ahead of the clock `occurred_at` may lie.
    pub clock_tolerance_seconds: u32,
    /// An unpaid checkout expires after this.
    pub checkout_expires_hours: u32,
    /// Receipt is taken as confirmed this long after delivery.
    pub release_after_days: u32,
    /// A merchant should ship within this, after funding; then the buyer may cancel alone.
    pub ship_within_days: u32,
    /// After-sales are possible this long after release.
    pub after_sales_days: u32,
    /// A merchant answers a return request within this, else it is accepted.
    pub return_answer_days: u32,
    /// A dispute is answered within this, else it is ruled for the buyer.
    pub dispute_answer_days: u32,
    /// A ruling may be appealed within this.
    pub appeal_days: u32,
    /// A deposit is topped up within this, else the merchant is suspended.
    pub deposit_grace_days: u32,
    /// A bank may raise a chargeback this long after the payment.
    pub chargeback_window_days: u32,
    /// Version of the entry requirements in force.
    pub entry_rules: u32,
    /// What a merchant is rewarded with when it passed an assessment in a tier, once a period.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tier_rewards: Vec<TierReward>,
}

/// The reward of a tier, in one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TierReward {
    /// The tier, as assessments name it.
    pub tier: Code,
    /// How much; for merchants that are settled in its currency.
    pub amount: Money,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            clock_tolerance_seconds: 300,
            checkout_expires_hours: 24,
            release_after_days: 10,
            ship_within_days: 7,
            after_sales_days: 15,
            return_answer_days: 3,
            dispute_answer_days: 3,
            appeal_days: 7,
            deposit_grace_days: 7,
            chargeback_window_days: 120,
            entry_rules: 1,
            tier_rewards: Vec::new(),
        }
    }
}

impl Policy {
    /// What `tier` is rewarded with in `currency`, if with anything.
    #[must_use]
    pub fn reward_of(&self, tier: Code, currency: Currency) -> Option<Money> {
        let rewards = self.tier_rewards.iter().filter(|reward| reward.tier == tier);
        rewards.map(|reward| reward.amount).find(|amount| amount.currency == currency)
    }
    /// How far ahead of the clock `occurred_at` may lie, in microseconds.
    #[must_use]
    pub const fn clock_tolerance(&self) -> i64 {
        self.clock_tolerance_seconds as i64 * SECOND
    }
    /// Microseconds of `days`.
    #[must_use]
    pub const fn days(days: u32) -> i64 {
        days as i64 * DAY
    }
}
