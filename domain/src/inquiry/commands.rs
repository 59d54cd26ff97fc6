//! What may be asked of an inquiry's stream.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{BuyerId, Code, MerchantId, PartyId, VisitorId};

/// Something asked of `inquiry-{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum InquiryCommand {
    /// Somebody asks something: a visitor, a buyer, or one who is both.
    Open {
        /// Whom.
        merchant: MerchantId,
        /// What about: `presale`, `delivery`, `return`, ...
        topic: Code,
        /// The terminal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        visitor: Option<VisitorId>,
        /// The buyer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        buyer: Option<BuyerId>,
        /// Whom it is given to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<PartyId>,
    },
    /// An agent answers.
    Answer {
        /// The agent.
        agent: PartyId,
    },
    /// It is over.
    Close {},
    /// An agent broke a rule of service.
    RecordViolation {
        /// The agent.
        agent: PartyId,
        /// Which rule.
        rule: Code,
        /// What happened.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
}
