//! An account as its events leave it.

use std::collections::{BTreeMap, BTreeSet};

use super::commands::AccountCommand;
use super::decide;
use super::events::{BalanceHeld, Direction, SettlementClosed};
use crate::codec::words;
use crate::{
    AdjustmentId, Code, Currency, DisputeId, HoldId, MerchantId, Money, PartyId, PayoutId, Reference,
};
use crate::{Aggregate, Context, Event, Read, Refs, Rejection, SettlementId, Timestamp};

/// An amount of each currency, minor units.
type Purse = BTreeMap<Currency, i64>;

words! {
    /// How far a payout has come.
    PayoutStage { Requested = "requested", Sent = "sent", Confirmed = "confirmed", Failed = "failed",
        Returned = "returned" }
}
words! {
    /// How far an adjustment has come.
    AdjustmentStage { Proposed = "proposed", Approved = "approved", Rejected = "rejected" }
}

/// How far one currency is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Lines booked before this instant are settled, up to `through`.
    pub until: Timestamp,
    /// Number of the last line looked at.
    pub through: u64,
    /// How many lines are settled so far.
    pub lines: u64,
    /// What the last settlement carried out: zero, or what the merchant owes.
    pub carried: Money,
}

/// A closed settlement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// As it was closed.
    pub closed: SettlementClosed,
    /// Whether its reserve has been released; true where there was none.
    pub reserve_released: bool,
}

/// A hold on what is available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// What was claimed.
    pub claim: Money,
    /// What was ever held for it.
    pub held: Money,
    /// What is still held for it.
    pub left: Money,
    /// Whether its claim waits for a decision: nothing was lifted or spent.
    pub open: bool,
    /// The dispute it is for.
    pub dispute: Option<DisputeId>,
}

impl Hold {
    /// What was never held of its claim, minor units.
    #[must_use]
    pub fn lacks(&self) -> i64 {
        self.claim.minor.saturating_sub(self.held.minor).max(0)
    }
}

/// A payout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payout {
    /// What left the available balance.
    pub requested: Money,
    /// What is to arrive: differs from `requested` once converted.
    pub amount: Money,
    /// Where it goes.
    pub destination_ref: Reference,
    /// The bank's reference, once sent.
    pub provider_ref: Option<Reference>,
    /// How far it has come.
    pub stage: PayoutStage,
}

/// An adjustment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjustment {
    /// How much.
    pub amount: Money,
    /// Which way.
    pub direction: Direction,
    /// Why.
    pub reason: String,
    /// Who asked for it.
    pub by: PartyId,
    /// What proves it, as a reference to a document.
    pub document_ref: Option<Reference>,
    /// Who approved or rejected it.
    pub decided_by: Option<PartyId>,
    /// How far it has come.
    pub stage: AdjustmentStage,
}

/// What this stream itself has put on the pending balance, in one currency, minor units, since the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charged {
    /// Platform and advertising fees.
    pub fees: i64,
    /// VAT on them.
    pub vat: i64,
    /// Penalties.
    pub penalties: i64,
    /// Fees given back.
    pub waived: i64,
    /// Rewards.
    pub rewards: i64,
    /// Adjustments, for the merchant positive.
    pub adjustments: i64,
}

/// The state of `account-{merchant}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MerchantAccount {
    pub(super) id: Option<MerchantId>,
    pub(super) cuts: BTreeMap<Currency, Cut>,
    pub(super) settlements: BTreeMap<SettlementId, Settled>,
    pub(super) available: Purse,
    pub(super) reserve: Purse,
    pub(super) in_transit: Purse,
    pub(super) paid_out: Purse,
    pub(super) holds: BTreeMap<HoldId, Hold>,
    pub(super) payouts: BTreeMap<PayoutId, Payout>,
    pub(super) sent_refs: BTreeSet<Reference>,
    pub(super) blocked: BTreeSet<Reference>,
    pub(super) destinations: BTreeMap<Currency, Reference>,
    pub(super) fee_periods: BTreeSet<Code>,
    /// Periods whose assessment was rewarded.
    pub(super) rewarded: BTreeSet<Code>,
    pub(super) charged: BTreeMap<Currency, Charged>,
    pub(super) adjustments: BTreeMap<AdjustmentId, Adjustment>,
}

fn of(purse: &Purse, currency: Currency) -> Money {
    Money::new(purse.get(&currency).copied().unwrap_or(0), currency)
}

/// The decider has checked the sum; a fold must not fail on what it is handed.
fn put(purse: &mut Purse, amount: Money) {
    let held = purse.entry(amount.currency).or_insert(0);
    *held = held.saturating_add(amount.minor);
}

fn take(purse: &mut Purse, amount: Money) {
    let held = purse.entry(amount.currency).or_insert(0);
    *held = held.saturating_sub(amount.minor);
}

impl MerchantAccount {
    /// What may be paid out.
    #[must_use]
    pub fn available(&self, currency: Currency) -> Money {
        of(&self.available, currency)
    }
    /// What is held for claims.
    #[must_use]
    pub fn held(&self, currency: Currency) -> Money {
        let left = self.holds.values().filter(|h| h.left.currency == currency).map(|h| h.left.minor);
        Money::new(left.fold(0, i64::saturating_add), currency)
    }
    /// What settlements keep back.
    #[must_use]
    pub fn reserve(&self, currency: Currency) -> Money {
        of(&self.reserve, currency)
    }
    /// What is on its way to the merchant's bank.
    #[must_use]
    pub fn in_transit(&self, currency: Currency) -> Money {
        of(&self.in_transit, currency)
    }
    /// What has reached the merchant's bank, less what came back.
    #[must_use]
    pub fn paid_out(&self, currency: Currency) -> Money {
        of(&self.paid_out, currency)
    }
    /// What the last settlement carried out: zero or below, what the merchant owes.
    #[must_use]
    pub fn carried(&self, currency: Currency) -> Money {
        self.cuts.get(&currency).map_or(Money::zero(currency), |cut| cut.carried)
    }
    /// How far `currency` is settled, if it ever was.
    #[must_use]
    pub fn cut(&self, currency: Currency) -> Option<Cut> {
        self.cuts.get(&currency).copied()
    }
    /// What this stream itself has put on the pending balance.
    #[must_use]
    pub fn charged(&self, currency: Currency) -> Charged {
        self.charged.get(&currency).copied().unwrap_or_default()
    }
    /// What a claim can be taken from, as far as this stream knows: available less what is owed already. What
    /// orders have released since the last cut stands in their streams.
    #[must_use]
    pub fn can_bear(&self, currency: Currency) -> Money {
        let free = self.available(currency).minor.saturating_add(self.carried(currency).minor);
        Money::new(free.max(0), currency)
    }
    /// What may be paid out: neither what was carried out, nor what the merchant came to owe since the last
    /// settlement, such as its share of a case whose hold was lifted when it closed. `pending` is what is not
    /// settled yet, as far as it is known.
    #[must_use]
    pub fn payable(&self, currency: Currency, pending: Option<Money>) -> Money {
        let free = self.can_bear(currency);
        let owed = pending.filter(|p| p.currency == currency).map_or(0, |p| p.minor.min(0));
        let covered = self.available(currency).minor.saturating_add(owed).max(0);
        Money::new(free.minor.min(covered), currency)
    }
    /// Where the last payout of a currency was to go.
    #[must_use]
    pub fn destination(&self, currency: Currency) -> Option<Reference> {
        self.destinations.get(&currency).copied()
    }
    /// A settlement.
    #[must_use]
    pub fn settlement(&self, settlement: SettlementId) -> Option<&Settled> {
        self.settlements.get(&settlement)
    }
    /// Whether the platform fee of a period was charged.
    #[must_use]
    pub fn platform_fee_charged(&self, period: Code) -> bool {
        self.fee_periods.contains(&period)
    }
    /// A hold.
    #[must_use]
    pub fn hold(&self, hold: HoldId) -> Option<&Hold> {
        self.holds.get(&hold)
    }
    /// A payout.
    #[must_use]
    pub fn payout(&self, payout: PayoutId) -> Option<&Payout> {
        self.payouts.get(&payout)
    }
    /// Every payout, by id.
    pub fn payouts(&self) -> impl Iterator<Item = (&PayoutId, &Payout)> {
        self.payouts.iter()
    }
    /// An adjustment.
    #[must_use]
    pub fn adjustment(&self, adjustment: AdjustmentId) -> Option<&Adjustment> {
        self.adjustments.get(&adjustment)
    }
    /// Every adjustment, by id.
    pub fn adjustments(&self) -> impl Iterator<Item = (&AdjustmentId, &Adjustment)> {
        self.adjustments.iter()
    }
    /// Whether payouts to this destination are blocked.
    #[must_use]
    pub fn is_blocked(&self, destination_ref: Reference) -> bool {
        self.blocked.contains(&destination_ref)
    }
    /// Every currency in which anything stands or stood, in order.
    #[must_use]
    pub fn currencies(&self) -> BTreeSet<Currency> {
        let purses = [&self.available, &self.reserve, &self.in_transit, &self.paid_out];
        let mut all: BTreeSet<_> = purses.into_iter().flat_map(|p| p.keys().copied()).collect();
        all.extend(self.cuts.keys().copied());
        all.extend(self.charged.keys().copied());
        all.extend(self.holds.values().map(|h| h.claim.currency));
        all
    }

    fn settle(&mut self, e: &SettlementClosed) {
        let lines = self.cuts.get(&e.currency).map_or(0, |cut| cut.lines) + e.lines;
        let cut = Cut { until: e.until, through: e.through, lines, carried: e.carried_out };
        self.cuts.insert(e.currency, cut);
        if e.total.minor >= 0 {
            put(&mut self.available, e.total);
            take(&mut self.available, e.held_as_reserve);
            put(&mut self.reserve, e.held_as_reserve);
        } else {
            take(&mut self.available, e.taken_from_available);
        }
        let settled = Settled { closed: e.clone(), reserve_released: e.held_as_reserve.is_zero() };
        self.settlements.insert(e.settlement, settled);
    }

    fn charge(&mut self, amount: Money, onto: impl FnOnce(&mut Charged) -> &mut i64) {
        let sum = onto(self.charged.entry(amount.currency).or_default());
        *sum = sum.saturating_add(amount.minor);
    }
}

impl Aggregate for MerchantAccount {
    const CATEGORY: &'static str = "account";
    type Command = AccountCommand;

    fn named(id: &str) -> Self {
        Self { id: MerchantId::new(id).ok(), ..Self::default() }
    }

    fn decide(&self, command: &AccountCommand, context: &Context<'_>) -> Result<Vec<Event>, Rejection> {
        decide::decide(self, command, context)
    }

    fn reads(&self, command: &AccountCommand) -> Vec<Read> {
        let by_hand = matches!(
            command,
            AccountCommand::ProposeAdjustment { .. } | AccountCommand::ApproveAdjustment { .. }
        );
        let mut reads = if by_hand { vec![Read::ClosedPeriods] } else { Vec::new() };
        if let (
            Some(merchant),
            AccountCommand::GrantReward { amount, .. } | AccountCommand::ProposeAdjustment { amount, .. },
        ) = (self.id, command)
            && !self.currencies().contains(&amount.currency)
        {
            // whether the account is kept in it
            reads.extend([Read::Merchant(merchant), Read::Pending { merchant, currency: amount.currency }]);
        }
        if !reads.is_empty() {
            return reads;
        }
        let by_schedule = matches!(
            command,
            AccountCommand::CloseSettlement(_)
                | AccountCommand::RequestPayout { .. }
                | AccountCommand::ChargePlatformFee { .. }
                | AccountCommand::ChargeAdvertisingFee { .. }
                | AccountCommand::RewardTier { .. }
        );
        let Some(merchant) = self.id.filter(|_| by_schedule) else { return Vec::new() };
        reads.push(Read::Merchant(merchant));
        if let AccountCommand::RequestPayout { amount, .. } = command {
            reads.push(Read::Pending { merchant, currency: amount.currency });
        }
        reads
    }

    fn evolve(&mut self, event: &Event, _occurred_at: Timestamp) {
        match event {
            Event::SettlementClosed(e) => self.settle(e),
            Event::ReserveReleased(e) => {
                take(&mut self.reserve, e.amount);
                put(&mut self.available, e.amount);
                if let Some(settled) = self.settlements.get_mut(&e.settlement) {
                    settled.reserve_released = true;
                }
            }
            Event::BalanceHeld(e) => {
                take(&mut self.available, e.amount);
                self.hold_more(e);
            }
            Event::BalanceHoldLifted(e) => {
                put(&mut self.available, e.amount);
                self.use_hold(e.hold, e.amount);
            }
            Event::BalanceHoldSpent(e) => self.use_hold(e.hold, e.amount),
            Event::AdjustmentProposed(e) => {
                let adjustment = Adjustment {
                    amount: e.amount,
                    direction: e.direction,
                    reason: e.reason.clone(),
                    by: e.by,
                    document_ref: e.document_ref,
                    decided_by: None,
                    stage: AdjustmentStage::Proposed,
                };
                self.adjustments.insert(e.adjustment, adjustment);
            }
            Event::AdjustmentApproved(e) => {
                let signed = match e.direction {
                    Direction::ForMerchant => e.amount.minor,
                    Direction::AgainstMerchant => -e.amount.minor,
                };
                self.charge(Money::new(signed, e.amount.currency), |c| &mut c.adjustments);
                self.adjusted(e.adjustment, AdjustmentStage::Approved, e.by);
            }
            Event::AdjustmentRejected(e) => self.adjusted(e.adjustment, AdjustmentStage::Rejected, e.by),
            Event::PlatformFeeCharged(e) => {
                self.fee_periods.insert(e.period);
                self.charge(e.amount, |c| &mut c.fees);
                self.charge(e.vat, |c| &mut c.vat);
            }
            Event::AdvertisingFeeCharged(e) => {
                self.charge(e.amount, |c| &mut c.fees);
                self.charge(e.vat, |c| &mut c.vat);
            }
            Event::PenaltyCharged(e) => self.charge(e.amount, |c| &mut c.penalties),
            Event::FeeWaived(e) => self.charge(e.amount, |c| &mut c.waived),
            Event::RewardGranted(e) => {
                if e.kind.as_str().starts_with(super::charges::TIER) {
                    self.rewarded.insert(e.period);
                }
                self.charge(e.amount, |c| &mut c.rewards);
            }
            _ => self.evolve_payout(event),
        }
    }

    fn refs(&self) -> Refs {
        Refs { merchant: self.id, ..Refs::default() }
    }

    fn status(&self) -> &'static str {
        if self.cuts.values().any(|cut| cut.carried.minor < 0) {
            "owing"
        } else if self.holds.values().any(|hold| !hold.left.is_zero()) {
            "held"
        } else {
            "clear"
        }
    }
}

impl MerchantAccount {
    /// The first of a hold says its claim; what is held for it later adds to it.
    fn hold_more(&mut self, e: &BalanceHeld) {
        let none = Money::zero(e.amount.currency);
        let claim = e.claimed.unwrap_or(e.amount);
        let first = Hold { claim, held: none, left: none, open: true, dispute: e.dispute };
        let hold = self.holds.entry(e.hold).or_insert(first);
        hold.held.minor = hold.held.minor.saturating_add(e.amount.minor);
        hold.left.minor = hold.left.minor.saturating_add(e.amount.minor);
    }

    fn use_hold(&mut self, hold: HoldId, amount: Money) {
        if let Some(hold) = self.holds.get_mut(&hold) {
            hold.open = false;
            hold.left.minor = hold.left.minor.saturating_sub(amount.minor);
        }
    }

    fn adjusted(&mut self, adjustment: AdjustmentId, stage: AdjustmentStage, by: PartyId) {
        if let Some(adjustment) = self.adjustments.get_mut(&adjustment) {
            adjustment.decided_by = Some(by);
            adjustment.stage = stage;
        }
    }

    fn evolve_payout(&mut self, event: &Event) {
        match event {
            Event::PayoutRequested(e) => {
                take(&mut self.available, e.amount);
                put(&mut self.in_transit, e.amount);
                let payout = Payout {
                    requested: e.amount,
                    amount: e.amount,
                    destination_ref: e.destination_ref,
                    provider_ref: None,
                    stage: PayoutStage::Requested,
                };
                self.destinations.insert(e.amount.currency, e.destination_ref);
                self.payouts.insert(e.payout, payout);
            }
            Event::PayoutConverted(e) => {
                take(&mut self.in_transit, e.from);
                put(&mut self.in_transit, e.to);
                if let Some(payout) = self.payouts.get_mut(&e.payout) {
                    payout.amount = e.to;
                }
            }
            Event::PayoutSent(e) => {
                self.sent_refs.insert(e.provider_ref);
                if let Some(payout) = self.payouts.get_mut(&e.payout) {
                    payout.provider_ref = Some(e.provider_ref);
                    payout.stage = PayoutStage::Sent;
                }
            }
            Event::PayoutConfirmed(e) => {
                take(&mut self.in_transit, e.amount);
                put(&mut self.paid_out, e.amount);
                self.paid(e.payout, PayoutStage::Confirmed);
            }
            Event::PayoutFailed(e) => {
                take(&mut self.in_transit, e.amount);
                put(&mut self.available, e.amount);
                self.paid(e.payout, PayoutStage::Failed);
            }
            Event::PayoutReturned(e) => {
                take(&mut self.paid_out, e.amount);
                put(&mut self.available, e.amount);
                self.blocked.insert(e.destination_ref);
                self.paid(e.payout, PayoutStage::Returned);
            }
            Event::DestinationUnblocked(e) => {
                self.blocked.remove(&e.destination_ref);
            }
            _ => {}
        }
    }

    fn paid(&mut self, payout: PayoutId, stage: PayoutStage) {
        if let Some(payout) = self.payouts.get_mut(&payout) {
            payout.stage = stage;
        }
    }
}
