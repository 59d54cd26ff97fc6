//! Events of `merchant-{id}`: entry, contract, standing.

use crate::codec::{event, words};
use crate::schema::RateText;
use crate::{Category, Code, Currency, Money, PartyId, Rate, Reference, Timestamp};

words! {
    /// What sort of business a merchant is; decides what it must show on entry.
    MerchantKind { Brand = "brand", Manufacturer = "manufacturer", Agent = "agent", Retailer = "retailer",
        Individual = "individual" }
}
words! {
    /// What a merchant shows on entry.
    QualificationKind {
        BusinessLicence = "business_licence", TaxRegistration = "tax_registration",
        OrganisationCode = "organisation_code",
        /// One certificate that stands for licence, tax and organisation code (三证合一).
        UnifiedLicence = "unified_licence",
        Trademark = "trademark", BrandAuthorisation = "brand_authorisation", IdentityCheck = "identity_check" }
}
words! {
    /// How often a merchant is settled.
    SettlementCycle { Daily = "daily", Weekly = "weekly", Monthly = "monthly", TPlusN = "t_plus_n" }
}
words! {
    /// Why a merchant left.
    TerminationReason { Withdrew = "withdrew", Eliminated = "eliminated", Fraud = "fraud" }
}

event! {
    /// A business asks to sell here.
    MerchantApplied { name: String, kind: MerchantKind, country: Code, settlement_currency: Currency }
}
event! {
    /// A merchant of another system, taken over with what is known of it; it stands as open.
    MerchantImported {
        /// The system it comes from.
        source: Code,
        settlement_currency: Currency;
        name: String,
        kind: MerchantKind,
        country: Code,
        region: String,
    }
}
event! {
    /// A certificate was handed in.
    QualificationSubmitted { kind: QualificationKind, document_ref: Reference; valid_until: Timestamp }
}
event! {
    /// A certificate was found good.
    QualificationVerified { kind: QualificationKind, by: PartyId }
}
event! {
    /// A certificate was found wanting.
    QualificationRejected { kind: QualificationKind, reason: String }
}
event! {
    /// A certificate ran out.
    QualificationExpired { kind: QualificationKind }
}
event! {
    /// The entry requirements are met.
    MerchantApproved {
        by: PartyId,
        /// Version of the entry rules it was judged by.
        entry_rules: u32,
    }
}
event! {
    /// The application was turned down.
    MerchantRejected { reason: String }
}
event! {
    /// The contract was signed.
    ContractSigned { document_ref: Reference, valid_until: Timestamp }
}
event! {
    /// What the merchant promises its buyers.
    ServiceCommitmentMade {
        /// Hours until dispatch.
        ship_within_hours: u32,
        return_days: u32,
        exchange: bool,
        /// Months of warranty, 0 for none.
        warranty_months: u32,
    }
}
event! {
    /// Commission of one category.
    CategoryRate {
        category: Category,
        #[schemars(with = "RateText")]
        rate: Rate,
    }
}
event! {
    /// A fee for using the platform.
    PlatformFee { amount: Money, period: SettlementCycle }
}
event! {
    /// How the merchant is settled.
    SettlementTerms {
        cycle: SettlementCycle,
        /// Days, for `t_plus_n`.
        days: u32,
        minimum_payout: Money,
    }
}
event! {
    /// A share of each settlement held back.
    ReserveTerms {
        /// Share of the settled total, e.g. 0.05.
        #[schemars(with = "RateText")]
        share: Rate,
        /// Days until it is released.
        days: u32,
    }
}
event! {
    /// Fees and terms, from a date. Orders already placed keep the rates frozen in them.
    FeeScheduleAgreed {
        version: u32,
        effective_from: Timestamp,
        /// Commission where no category says otherwise.
        #[schemars(with = "RateText")]
        default_commission: Rate,
        categories: Vec<CategoryRate>,
        deposit_required: Money,
        settlement: SettlementTerms;
        /// VAT on the market's fees, borne by the merchant.
        #[schemars(with = "Option<RateText>")]
        vat_on_fees: Rate,
        platform_fee: PlatformFee,
        reserve: ReserveTerms,
    }
}
event! {
    /// The deposit covers what is required (from the deposit stream).
    DepositSatisfied { balance: Money, required: Money }
}
event! {
    /// The deposit lies below what is required (from the deposit stream).
    DepositShort {
        balance: Money,
        required: Money,
        /// Suspended when it is not topped up by then.
        due: Timestamp,
    }
}
event! {
    /// The store may sell.
    StoreOpened { fee_schedule_version: u32 }
}
event! {
    /// The store may not sell for now.
    MerchantSuspended { reason: String }
}
event! {
    /// The store may sell again.
    MerchantReinstated { reason: String }
}
event! {
    /// A figure of an assessment.
    AssessedFigure { name: Code, value: String }
}
event! {
    /// The merchant was assessed over a period.
    MerchantAssessed {
        period: Code,
        figures: Vec<AssessedFigure>,
        #[schemars(with = "RateText")]
        score: Rate,
        tier: Code,
        passed: bool,
    }
}
event! {
    /// The merchant left.
    MerchantTerminated { reason: TerminationReason }
}
event! {
    /// The merchant allows its history to be shown to a lender.
    LenderConsentGranted { consent_ref: Reference, recipient: Code, through: Timestamp }
}
event! {
    /// The merchant takes that back.
    LenderConsentRevoked { consent_ref: Reference }
}
event! {
    /// Its history was handed to a lender as a pack, under a consent that ran then.
    LoanPackIssued {
        /// SHA-256 of the pack's list of files, hex: that list has the digest of each.
        digest: Reference,
        recipient: Code,
        consent_ref: Reference,
        purpose: String,
        /// The first and the last business day that it tells of.
        from: Code,
        to: Code,
        /// The journal's position that it was drawn at.
        through: u64,
        /// The version of its definitions.
        definitions: u32,
    }
}
