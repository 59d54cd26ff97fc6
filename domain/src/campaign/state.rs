//! A campaign: its plan, what it cost, what partners are owed.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::commands::CampaignCommand;
use super::events::{CampaignPlanned, FundedBy, Holdout};
use crate::codec::words;
use crate::decider::Numbers;
use crate::{
    Aggregate, CampaignId, Code, Context, Currency, Event, Money, OrderId, Rate, Reference, Refs, Rejection,
    Timestamp, VisitorId,
};

words! {
    /// Where a campaign stands.
    CampaignStage {
        Unknown = "unknown",
        Planned = "planned",
        Started = "started",
        Ended = "ended",
    }
}

/// A commission and what is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Accrual {
    pub order: OrderId,
    pub partner: Code,
    pub left: Money,
    pub funded_by: FundedBy,
}

/// The state of `campaign-{id}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Campaign {
    pub(super) id: Option<CampaignId>,
    pub(super) stage: Option<CampaignStage>,
    pub(super) plan: Option<Box<CampaignPlanned>>,
    /// Spends and coupons taken, by their numbers.
    pub(super) spends: Numbers<Reference>,
    pub(super) coupons: Numbers<Reference>,
    pub(super) accrued: Numbers<Reference>,
    pub(super) accruals: BTreeMap<Reference, Accrual>,
    /// What the market owes each partner, minor units.
    pub(super) owed: BTreeMap<Code, i64>,
    pub(super) payments: Numbers<Reference>,
    /// What was recorded, minor units of its currency.
    pub(super) spent: i64,
}

impl Campaign {
    /// Where it stands.
    #[must_use]
    pub fn stage(&self) -> CampaignStage {
        self.stage.unwrap_or(CampaignStage::Unknown)
    }
    /// Its plan, once there is one.
    #[must_use]
    pub fn plan(&self) -> Option<&CampaignPlanned> {
        self.plan.as_deref()
    }
    /// What was spent on it, whoever bore it.
    #[must_use]
    pub fn spent(&self) -> Option<Money> {
        Some(Money::new(self.spent, self.currency()?))
    }
    /// What the market owes a partner.
    #[must_use]
    pub fn owed(&self, partner: Code) -> Option<Money> {
        Some(Money::new(self.owed.get(&partner).copied().unwrap_or(0), self.currency()?))
    }
    pub(super) fn currency(&self) -> Option<Currency> {
        self.plan.as_ref().map(|plan| plan.budget.currency)
    }
}

impl Holdout {
    /// Whether a visitor is kept from the campaign: the same answer for ever, and about `share` of visitors.
    #[must_use]
    pub fn holds(&self, visitor: &VisitorId) -> bool {
        let mut digest = Sha256::new();
        digest.update(self.salt.as_str());
        digest.update([0]);
        digest.update(visitor.as_str());
        let digest = digest.finalize();
        let first: [u8; 4] = digest[..4].try_into().expect("invariant: a digest has 32 bytes");
        Rate::from(u32::from_be_bytes(first)) < self.share * Rate::from(1_u64 << 32)
    }
}

impl Aggregate for Campaign {
    const CATEGORY: &'static str = "campaign";
    type Command = CampaignCommand;

    fn named(id: &str) -> Self {
        Self { id: CampaignId::new(id).ok(), ..Self::default() }
    }

    fn decide(&self, command: &CampaignCommand, context: &Context<'_>) -> Result<Vec<Event>, Rejection> {
        self.decided(command, context)
    }

    fn evolve(&mut self, event: &Event, _: Timestamp) {
        match event {
            Event::CampaignPlanned(e) => {
                self.stage = Some(CampaignStage::Planned);
                self.plan = Some(Box::new(e.clone()));
            }
            Event::CampaignStarted(_) => self.stage = Some(CampaignStage::Started),
            Event::CampaignEnded(_) => self.stage = Some(CampaignStage::Ended),
            Event::CampaignSpendRecorded(e) => {
                self.spends.take(e.spend, e);
                self.spent = self.spent.saturating_add(e.amount.minor);
            }
            Event::AffiliateCommissionAccrued(e) => {
                self.accrued.take(e.accrual, e);
                let (order, partner, left, funded_by) = (e.order, e.partner, e.amount, e.funded_by);
                self.accruals.insert(e.accrual, Accrual { order, partner, left, funded_by });
                self.owe(e.partner, e.funded_by, e.amount.minor);
            }
            Event::AffiliateCommissionReversed(e) => {
                if let Some(accrual) = self.accruals.get_mut(&e.accrual) {
                    accrual.left.minor -= e.amount.minor;
                }
                self.owe(e.partner, e.funded_by, -e.amount.minor);
            }
            Event::AffiliateCommissionPaid(e) => {
                self.payments.take(e.reference, e);
                self.owe(e.partner, FundedBy::Market, -e.amount.minor);
            }
            Event::CouponsIssued(e) => self.coupons.take(e.batch, e),
            _ => {}
        }
    }

    fn refs(&self) -> Refs {
        let merchant = self.plan.as_ref().and_then(|plan| plan.merchant);
        Refs { campaign: self.id, merchant, ..Refs::default() }
    }

    fn status(&self) -> &'static str {
        self.stage().as_str()
    }
}

impl Campaign {
    fn owe(&mut self, partner: Code, funded_by: FundedBy, minor: i64) {
        if funded_by == FundedBy::Market {
            *self.owed.entry(partner).or_default() += minor;
        }
    }
}
