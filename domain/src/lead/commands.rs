//! What may be asked of a lead's stream.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Code, MerchantId, Timestamp};

/// Something asked of `lead-{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum LeadCommand {
    /// Somebody showed interest in selling here.
    Capture {
        /// The channel it came by: `organic_search`, `paid_search`, ...
        origin: Code,
        /// When it first got in touch.
        first_contact: Timestamp,
        /// The landing page.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        landing: Option<Code>,
    },
    /// The lead fits the market.
    Qualify {},
    /// The lead became a merchant.
    Win {
        /// The merchant.
        merchant: MerchantId,
        /// Its line of business.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        segment: Option<Code>,
        /// The kind of lead or business.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        r#type: Option<Code>,
    },
    /// The lead goes no further.
    Lose {
        /// Why.
        reason: String,
    },
}
