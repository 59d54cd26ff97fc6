//! What may be asked of a merchant's stream. Who asks is the context's actor; when, its `occurred_at`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::events::{
    AssessedFigure, CategoryRate, MerchantKind, PlatformFee, QualificationKind, ReserveTerms,
    SettlementTerms, TerminationReason,
};
use crate::schema::RateText;
use crate::{Code, Currency, Money, Rate, Reference, Timestamp};

/// Something asked of `merchant-{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum MerchantCommand {
    /// A business asks to sell here.
    Apply {
        /// The trading name.
        name: String,
        /// What sort of business it is.
        kind: MerchantKind,
        /// ISO 3166 code of the country it is registered in.
        country: Code,
        /// The currency it is settled in.
        settlement_currency: Currency,
    },
    /// Takes a merchant over from another system; it stands as open.
    Import {
        /// The system it comes from.
        source: Code,
        /// The currency it is settled in.
        settlement_currency: Currency,
        /// The trading name, where known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// What sort of business it is, where known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<MerchantKind>,
        /// Its country, where known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        country: Option<Code>,
        /// Its state, province or city, where known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<String>,
    },
    /// Hands a certificate in.
    SubmitQualification {
        /// Which certificate.
        kind: QualificationKind,
        /// Where the document lies.
        document_ref: Reference,
        /// When it runs out, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        valid_until: Option<Timestamp>,
    },
    /// Finds a certificate good.
    VerifyQualification {
        /// Which certificate.
        kind: QualificationKind,
    },
    /// Finds a certificate wanting.
    RejectQualification {
        /// Which certificate.
        kind: QualificationKind,
        /// Why.
        reason: String,
    },
    /// Deadline: a certificate runs out.
    ExpireQualification {
        /// Which certificate.
        kind: QualificationKind,
        /// The end of validity that was due; harmless when the certificate has been renewed since.
        due: Timestamp,
    },
    /// Lets the merchant in: the entry requirements are met.
    Approve {},
    /// Turns the application down.
    Reject {
        /// Why.
        reason: String,
    },
    /// Records the signed contract.
    SignContract {
        /// Where the contract lies.
        document_ref: Reference,
        /// When it ends.
        valid_until: Timestamp,
    },
    /// Records what the merchant promises its buyers.
    CommitService {
        /// Hours until dispatch.
        ship_within_hours: u32,
        /// Days in which goods may be returned.
        return_days: u32,
        /// Whether goods may be exchanged.
        exchange: bool,
        /// Months of warranty, 0 for none.
        warranty_months: u32,
    },
    /// Agrees fees and terms from a date; the version is the next one.
    AgreeFeeSchedule(AgreedFees),
    /// The deposit stream says that the deposit covers what is required.
    SatisfyDeposit {
        /// What is deposited, frozen parts included.
        balance: Money,
        /// What is required.
        required: Money,
    },
    /// The deposit stream says that the deposit lies below what is required.
    ReportDepositShort {
        /// What is deposited, frozen parts included.
        balance: Money,
        /// What is required.
        required: Money,
    },
    /// Opens the store.
    OpenStore {},
    /// Stops the store from selling for now.
    Suspend {
        /// Why.
        reason: String,
    },
    /// Deadline: the deposit was not topped up.
    SuspendForDeposit {
        /// The due time of the shortage; harmless when it has been made good since.
        due: Timestamp,
    },
    /// Lets the store sell again.
    Reinstate {
        /// Why.
        reason: String,
    },
    /// Records an assessment.
    Assess {
        /// The period assessed, e.g. `2018-Q1`.
        period: Code,
        /// The figures it rests on.
        figures: Vec<AssessedFigure>,
        /// The score they give.
        #[schemars(with = "RateText")]
        score: Rate,
        /// The tier the score falls in.
        tier: Code,
        /// Whether the merchant may stay.
        passed: bool,
    },
    /// Ends the relationship.
    Terminate {
        /// Why.
        reason: TerminationReason,
    },
    /// Allows the history to be shown to a lender.
    GrantLenderConsent {
        /// The signed consent.
        consent_ref: Reference,
        /// The lender.
        recipient: Code,
        /// When the consent ends.
        through: Timestamp,
    },
    /// Takes a consent back.
    RevokeLenderConsent {
        /// The consent.
        consent_ref: Reference,
    },
    /// Records that the history is handed to a lender, as a pack.
    IssueLoanPack(LoanPack),
}

/// A pack of a merchant's history, made for a lender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoanPack {
    /// SHA-256 of the pack's list of files, hex.
    pub digest: Reference,
    /// The lender.
    pub recipient: Code,
    /// The consent that allows it.
    pub consent_ref: Reference,
    /// What the lender wants it for.
    pub purpose: String,
    /// The first business day that it tells of, such as 2018-01-01.
    pub from: Code,
    /// The last.
    pub to: Code,
    /// The journal's position that it was drawn at.
    pub through: u64,
    /// The version of its definitions.
    pub definitions: u32,
}

/// Fees and terms agreed with a merchant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgreedFees {
    /// From when they hold; orders placed before keep their rates.
    pub effective_from: Timestamp,
    /// Commission where no category says otherwise, e.g. 0.05.
    #[schemars(with = "RateText")]
    pub default_commission: Rate,
    /// Commission by category.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<CategoryRate>,
    /// What must be deposited.
    pub deposit_required: Money,
    /// Cycle and smallest payout.
    pub settlement: SettlementTerms,
    /// VAT on the market's fees, borne by the merchant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<RateText>")]
    pub vat_on_fees: Option<Rate>,
    /// The fee for using the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform_fee: Option<PlatformFee>,
    /// The share of each settlement held back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserve: Option<ReserveTerms>,
}
