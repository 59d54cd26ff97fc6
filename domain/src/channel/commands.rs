//! What may be asked of a sales channel's stream.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Code, Money};

/// Something asked of `channel-{sales channel}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum ChannelCommand {
    /// Takes what the platform says of a day; said again with other figures it replaces what was said.
    Report {
        /// The day, `2026-11-22`, as the platform counts days.
        day: Code,
        /// Distinct visitors.
        uv: u64,
        /// Pages shown.
        pv: u64,
        /// Which report says so.
        source: Code,
        /// Visitors who were not paid for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        free_uv: Option<u64>,
        /// Visitors who were paid for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        paid_uv: Option<u64>,
        /// Visitors who bought.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        buyers: Option<u64>,
        /// Orders paid.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        orders: Option<u64>,
        /// What customers paid.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gmv: Option<Money>,
    },
}
