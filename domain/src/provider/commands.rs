//! What may be asked of a provider's stream.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::events::{BooksEntry, BreakFound, MatchReason, Resolution, StatementImported, StatementLine};
use crate::books::events::VoucherEntry;
use crate::{PartyId, Reference, VoucherId};

/// Most results of one command.
pub const MAX_RESULTS: usize = 500;

/// One thing that a statement came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "result", rename_all = "snake_case", deny_unknown_fields)]
pub enum StatementResult {
    /// Lines and entries are the same money.
    Matched {
        /// Why.
        reason: MatchReason,
        /// At least one.
        lines: Vec<StatementLine>,
        /// At least one.
        entries: Vec<BooksEntry>,
    },
    /// Something does not agree.
    Break(BreakFound),
    /// The statement brings what an earlier one lacked.
    Arrived {
        /// The break that this resolves.
        r#break: Reference,
    },
}

/// Something asked of `provider-{name}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum ProviderCommand {
    /// Takes a statement file.
    Import(StatementImported),
    /// Records what it came to, in order.
    Record {
        /// The file.
        digest: Reference,
        /// Results recorded before these.
        after: u64,
        /// One to [`MAX_RESULTS`].
        results: Vec<StatementResult>,
    },
    /// Resolves a break. Where two persons are needed, the actor approves what `by` proposes.
    Resolve {
        /// The break.
        r#break: Reference,
        /// How.
        how: Resolution,
        /// Why, in words.
        note: String,
        /// Who says so.
        by: PartyId,
        /// With `posted`: the entries; they sum to zero in each currency.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        entries: Vec<VoucherEntry>,
        /// With `voucher`: which.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        voucher: Option<VoucherId>,
    },
}
