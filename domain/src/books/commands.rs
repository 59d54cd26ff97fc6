//! What may be asked of a market's settings and of its books.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Policy;
use super::events::{LiabilitiesSum, StatementSeal, VoucherEntry};
use crate::{BankAccountId, Code, Currency, Money, PartyId, ProviderId, Reference, Timestamp, VoucherId};

/// Something asked of `market-{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum MarketCommand {
    /// Begins the market.
    Open {
        /// Its name.
        name: String,
        /// IANA name of its time zone, e.g. `America/Sao_Paulo`.
        time_zone: Code,
        /// The currencies it trades in; at least one.
        currencies: Vec<Currency>,
    },
    /// Puts settings in force; the version is the next one.
    AdoptPolicy {
        /// The settings, whole.
        policy: Policy,
    },
    /// Records that the market's own history is handed on, as a pack.
    IssueMarketPack(MarketPack),
}

/// A pack of the market's own history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MarketPack {
    /// SHA-256 of the pack's list of files, hex.
    pub digest: Reference,
    /// Who gets it.
    pub recipient: Code,
    /// What it is wanted for.
    pub purpose: String,
    /// The first business day that it tells of, such as 2018-01-01.
    pub from: Code,
    /// The last.
    pub to: Code,
    /// What its amounts are in: a currency of the market.
    pub currency: Currency,
    /// The journal's position that it was drawn at.
    pub through: u64,
    /// The version of its definitions.
    pub definitions: u32,
}

/// What the books of a month come to as it is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosingBooks {
    /// Start of the next month in the market's zone.
    pub until: Timestamp,
    /// Digest of the trial balance, hex.
    pub digest: Reference,
    /// Digest and seal count the events through this position of the journal.
    pub through: u64,
    /// What the close commits to of merchants' statements.
    pub seal: StatementSeal,
}

/// What is owed, as the market draws it up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrawnLiabilities {
    /// By the events through this position of the journal.
    pub through: u64,
    /// By currency.
    pub sums: Vec<LiabilitiesSum>,
}

/// Something asked of `books-{market}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum BooksCommand {
    /// Closes a month. What its books come to, and what is sealed of merchants' statements, the market draws up by itself.
    ClosePeriod {
        /// The month, `2018-05`; the one after the last closed.
        period: Code,
        /// What the market drew up; nobody sends it.
        #[serde(skip)]
        books: Option<Box<ClosingBooks>>,
    },
    /// States what is owed in all. The market draws it up by itself.
    StateLiabilities {
        /// What the market drew up; nobody sends it.
        #[serde(skip)]
        drawn: Option<Box<DrawnLiabilities>>,
    },
    /// Opens the last closed month again. The actor approves what another person asked for.
    ReopenPeriod {
        /// The month.
        period: Code,
        /// Who asked for it; not the actor.
        requested_by: PartyId,
        /// Why.
        reason: String,
    },
    /// Records that a provider paid out to the market's bank.
    RecordProviderPayout {
        /// The provider.
        provider: ProviderId,
        /// What arrived, net of its fee.
        amount: Money,
        /// The market's bank account.
        bank: BankAccountId,
        /// The provider's reference, used once.
        reference: Reference,
        /// What the provider kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fee: Option<Money>,
    },
    /// Records that tax went to its office.
    RemitTax {
        /// The tax jurisdiction.
        jurisdiction: Code,
        /// How much.
        amount: Money,
        /// The market's bank account.
        bank: BankAccountId,
        /// The bank's reference, used once.
        reference: Reference,
    },
    /// Records that a payable was paid.
    SettlePayable {
        /// The channel or partner owed.
        channel: Code,
        /// How much.
        amount: Money,
        /// The market's bank account.
        bank: BankAccountId,
        /// The bank's reference, used once.
        reference: Reference,
    },
    /// Records that the market's own money moved between its accounts.
    MoveOwnFunds {
        /// The account it left.
        from: BankAccountId,
        /// The account it reached.
        to: BankAccountId,
        /// How much.
        amount: Money,
        /// The bank's reference, used once.
        reference: Reference,
    },
    /// Posts entries by hand. The actor approves what another person proposed.
    PostVoucher {
        /// The voucher.
        voucher: VoucherId,
        /// At least two; they sum to zero in each currency.
        entries: Vec<VoucherEntry>,
        /// Why.
        reason: String,
        /// Who proposed it; not the actor.
        proposed_by: PartyId,
    },
}
