//! A merchant as its events leave it.

use std::collections::{BTreeMap, BTreeSet};

use super::commands::MerchantCommand;
use super::events::{FeeScheduleAgreed, MerchantAssessed, MerchantKind, QualificationKind};
use super::{decide, entry_rules};
use crate::codec::words;
use crate::{Aggregate, Context, Event, Rejection};
use crate::{Code, Currency, MerchantFacts, MerchantId, Money, Reference, Refs, Timestamp};

words! {
    /// Where a merchant stands.
    Stage { Unknown = "unknown", Applied = "applied", Rejected = "rejected", Approved = "approved", Open = "open",
        Suspended = "suspended", Terminated = "terminated" }
}

/// A certificate as it was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Document {
    /// Where it lies.
    pub document_ref: Reference,
    /// When it runs out, if it does.
    pub valid_until: Option<Timestamp>,
}

/// The deposit as its stream last reported it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepositStanding {
    /// What is deposited.
    pub balance: Money,
    /// What was required then.
    pub required: Money,
    /// When a shortage leads to suspension; none while nothing is missing.
    pub short_until: Option<Timestamp>,
}

/// The state of `merchant-{id}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Merchant {
    pub(super) id: Option<MerchantId>,
    pub(super) stage: Stage,
    /// Taken over from another system, which judged its papers.
    pub(super) imported: bool,
    pub(super) kind: Option<MerchantKind>,
    pub(super) currency: Option<Currency>,
    /// The entry rules it was approved by.
    pub(super) entry_rules: Option<u32>,
    /// Handed in, not yet judged.
    pub(super) submitted: BTreeMap<QualificationKind, Document>,
    /// Found good; a renewal replaces it only once it is found good itself.
    pub(super) verified: BTreeMap<QualificationKind, Document>,
    pub(super) contract: Option<Document>,
    pub(super) commitment: Option<super::events::ServiceCommitmentMade>,
    pub(super) schedules: Vec<FeeScheduleAgreed>,
    pub(super) deposit: Option<DepositStanding>,
    /// Why it is suspended; it sells again when none is left.
    pub(super) suspended_for: BTreeSet<String>,
    pub(super) assessments: BTreeMap<Code, MerchantAssessed>,
    pub(super) terminated_at: Option<Timestamp>,
    pub(super) consents: BTreeMap<Reference, (Code, Timestamp)>,
    /// Digests of the packs that lenders were handed.
    pub(super) packs: BTreeSet<Reference>,
}

impl Default for Merchant {
    fn default() -> Self {
        Self {
            id: None,
            stage: Stage::Unknown,
            imported: false,
            kind: None,
            currency: None,
            entry_rules: None,
            submitted: BTreeMap::new(),
            verified: BTreeMap::new(),
            contract: None,
            commitment: None,
            schedules: Vec::new(),
            deposit: None,
            suspended_for: BTreeSet::new(),
            assessments: BTreeMap::new(),
            terminated_at: None,
            consents: BTreeMap::new(),
            packs: BTreeSet::new(),
        }
    }
}

impl Merchant {
    /// Where it stands.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.stage
    }
    /// The currency it is settled in.
    #[must_use]
    pub const fn settlement_currency(&self) -> Option<Currency> {
        self.currency
    }
    /// What sort of business it is, where known.
    #[must_use]
    pub const fn kind(&self) -> Option<MerchantKind> {
        self.kind
    }
    /// The deposit as last reported.
    #[must_use]
    pub const fn deposit(&self) -> Option<DepositStanding> {
        self.deposit
    }
    /// The contract and its end.
    #[must_use]
    pub const fn contract(&self) -> Option<Document> {
        self.contract
    }
    /// Why it is suspended, in order; empty when it is not.
    pub fn suspended_for(&self) -> impl Iterator<Item = &str> {
        self.suspended_for.iter().map(String::as_str)
    }
    /// What it promised its buyers, if anything.
    #[must_use]
    pub const fn commitment(&self) -> Option<&super::events::ServiceCommitmentMade> {
        self.commitment.as_ref()
    }
    /// The assessment of `period`, if there was one.
    #[must_use]
    pub fn assessment(&self, period: Code) -> Option<&MerchantAssessed> {
        self.assessments.get(&period)
    }
    /// Whether `recipient` may be shown its history at `at`.
    #[must_use]
    pub fn consents_to(&self, recipient: Code, at: Timestamp) -> bool {
        self.consents.values().any(|(to, through)| *to == recipient && at <= *through)
    }
    /// The fee schedule in force at `at`: the latest agreement that has taken effect.
    #[must_use]
    pub fn schedule_at(&self, at: Timestamp) -> Option<&FeeScheduleAgreed> {
        self.schedules.iter().rev().find(|s| s.effective_from <= at)
    }
    /// Every fee schedule, in the order in which they were agreed on.
    #[must_use]
    pub fn schedules(&self) -> &[FeeScheduleAgreed] {
        &self.schedules
    }
    /// What other deciders may know of it at `at`.
    #[must_use]
    pub fn facts(&self, at: Timestamp) -> MerchantFacts {
        MerchantFacts {
            open: self.stage == Stage::Open,
            suspended_for: self.suspended_for.first().filter(|_| self.stage == Stage::Suspended).cloned(),
            terminated_at: self.terminated_at,
            schedule: self.schedule_at(at).cloned(),
        }
    }

    /// What it still has to show at `at` under `version` of the entry rules.
    pub(super) fn missing(
        &self,
        version: u32,
        at: Timestamp,
    ) -> Result<Vec<&'static entry_rules::Requirement>, Rejection> {
        let Some(kind) = self.kind else { return Ok(Vec::new()) };
        let good = |q: QualificationKind| {
            self.verified.get(&q).is_some_and(|d| d.valid_until.is_none_or(|end| at < end))
        };
        Ok(entry_rules::missing(entry_rules::requirements(version, kind)?, good))
    }
}

impl Aggregate for Merchant {
    const CATEGORY: &'static str = "merchant";
    type Command = MerchantCommand;

    fn named(id: &str) -> Self {
        Self { id: MerchantId::new(id).ok(), ..Self::default() }
    }

    fn decide(&self, command: &MerchantCommand, context: &Context<'_>) -> Result<Vec<Event>, Rejection> {
        decide::decide(self, command, context)
    }

    fn evolve(&mut self, event: &Event, occurred_at: Timestamp) {
        match event {
            Event::MerchantApplied(e) => {
                self.stage = Stage::Applied;
                self.kind = Some(e.kind);
                self.currency = Some(e.settlement_currency);
            }
            Event::MerchantImported(e) => {
                self.stage = Stage::Open;
                self.imported = true;
                self.kind = e.kind;
                self.currency = Some(e.settlement_currency);
            }
            Event::QualificationSubmitted(e) => {
                let document = Document { document_ref: e.document_ref, valid_until: e.valid_until };
                self.submitted.insert(e.kind, document);
            }
            Event::QualificationVerified(e) => {
                if let Some(document) = self.submitted.remove(&e.kind) {
                    self.verified.insert(e.kind, document);
                }
            }
            Event::QualificationRejected(e) => {
                // what was handed in last is what was judged
                let _judged = self.submitted.remove(&e.kind).or_else(|| self.verified.remove(&e.kind));
            }
            Event::QualificationExpired(e) => {
                self.verified.remove(&e.kind);
            }
            Event::MerchantApproved(e) => {
                self.stage = Stage::Approved;
                self.entry_rules = Some(e.entry_rules);
            }
            Event::MerchantRejected(_) => self.stage = Stage::Rejected,
            Event::ContractSigned(e) => {
                self.contract =
                    Some(Document { document_ref: e.document_ref, valid_until: Some(e.valid_until) });
            }
            Event::ServiceCommitmentMade(e) => self.commitment = Some(e.clone()),
            Event::FeeScheduleAgreed(e) => self.schedules.push(e.clone()),
            Event::DepositSatisfied(e) => {
                self.deposit =
                    Some(DepositStanding { balance: e.balance, required: e.required, short_until: None });
                self.suspended_for.remove(decide::DEPOSIT_SHORT);
            }
            Event::DepositShort(e) => {
                self.deposit = Some(DepositStanding {
                    balance: e.balance,
                    required: e.required,
                    short_until: Some(e.due),
                });
            }
            Event::StoreOpened(_) => self.stage = Stage::Open,
            Event::MerchantSuspended(e) => {
                self.stage = Stage::Suspended;
                self.suspended_for.insert(e.reason.clone());
            }
            Event::MerchantReinstated(_) => {
                self.stage = Stage::Open;
                self.suspended_for.clear();
            }
            Event::MerchantAssessed(e) => {
                self.assessments.insert(e.period, e.clone());
            }
            Event::MerchantTerminated(_) => {
                self.stage = Stage::Terminated;
                self.terminated_at = Some(occurred_at);
            }
            Event::LenderConsentGranted(e) => {
                self.consents.insert(e.consent_ref, (e.recipient, e.through));
            }
            Event::LenderConsentRevoked(e) => {
                self.consents.remove(&e.consent_ref);
            }
            Event::LoanPackIssued(e) => {
                self.packs.insert(e.digest);
            }
            _ => {}
        }
    }

    fn refs(&self) -> Refs {
        Refs { merchant: self.id, ..Refs::default() }
    }

    fn status(&self) -> &'static str {
        self.stage.as_str()
    }
}
