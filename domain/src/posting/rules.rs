//! The posting table: one rule per event that moves money, in the order of the design's table.

use crate::account::events::Direction;
use crate::books::events::{Side, VoucherEntry};
use crate::buyer::events::PointsBecome;
use crate::campaign::events::FundedBy;
use crate::checkout::events::{DifferenceKind, PaymentPart, RefundPart};
use crate::deposit::events::DeductedTo;
use crate::order::events::{Bearer, ChargebackOutcome, PaidBy, RefundShare, Subsidy, TaxAmount};
use crate::{CampaignId, Event, Money, OrderId, ProviderId, Refs};

use super::Class::{Assets, Equity, Expenses, Income, Liabilities};
use super::{Account, Class, Entry};

/// Version of the rules below. It grows whenever a rule changes what an event already in a journal posts, so
/// that a read model built under other rules is rebuilt.
pub const POSTING_RULES_VERSION: u32 = 2;

/// The provider that stands for the market's own gift cards and balances: what goes back to it is owed as
/// stored value, not taken from an outside provider.
pub const STORED_VALUE_PROVIDER: &str = "stored-value";

/// The campaign that stands for coupons that points became: what they take off an order was an expense when the points
/// were earned, and is drawn from what is owed for them.
pub const POINTS_COUPONS: &str = "points-coupons";

/// Appends the entries of `event` to `out`; none for an event that moves no money. They sum to zero in each
/// currency; an account stands in them once per currency; zero amounts are left out.
///
/// A reference that `refs` lacks leaves the account without its dimension, which `verify` reports.
pub fn post<'a>(event: &'a Event, refs: &'a Refs, out: &mut Vec<Entry<'a>>) {
    let mut t = Table { from: out.len(), out };
    // the dimensions that come from the stream
    let m = refs.merchant.as_ref().map_or("", |id| id.as_str());
    let o = refs.order.as_ref().map_or("", |id| id.as_str());
    let c = refs.checkout.as_ref().map_or("", |id| id.as_str());
    let k = refs.campaign.as_ref().map_or("", |id| id.as_str());
    let deposit = owed("Deposit", m);
    let frozen = owed("DepositFrozen", m);
    let pending = owed("MerchantPending", m);
    let available = owed("MerchantAvailable", m);
    let held = owed("MerchantHeld", m);
    let reserve = owed("MerchantReserve", m);
    let transit = owed("PayoutInTransit", m);
    let checkout = owed("Checkout", c);
    let escrow = owed("Escrow", o);
    let refunds = owed("Refunds", o);
    let output_tax = owed("OutputTax", "");
    let goodwill = account(Expenses, "Goodwill", "");

    // each line: t.post(debit, credit, amount)
    match event {
        // deposit
        Event::DepositPaid(e) => t.post(provider(&e.provider), deposit, e.amount),
        Event::DepositRefunded(e) => t.post(deposit, provider(&e.provider), e.amount),
        Event::DepositPaidFromBalance(e) => t.post(held, deposit, e.amount),
        Event::DepositFrozen(e) => t.post(deposit, frozen, e.amount),
        Event::DepositReleased(e) => t.post(frozen, deposit, e.amount),
        Event::DepositDeducted(e) => {
            let from = if e.hold.is_some() { frozen } else { deposit };
            let to = match &e.to {
                DeductedTo::Buyer { order } => refunds_of(order),
                DeductedTo::Penalty => account(Income, "Penalty", ""),
                DeductedTo::MerchantBalance => pending,
            };
            t.post(from, to, e.amount);
        }
        Event::DepositRestored(e) => t.post(goodwill, deposit, e.amount),

        // checkout
        Event::PaymentCaptured(e) => {
            t.post(provider(&e.provider), checkout, e.amount);
            t.post_some(provider_fee(&e.provider), provider(&e.provider), e.fee);
        }
        Event::StoredValueUsed(e) => t.post(owed("StoredValue", ""), checkout, e.amount),
        Event::PaymentReversed(e) => t.post(checkout, provider(&e.provider), e.amount),
        Event::DifferenceRecognised(e) => t.post(checkout, difference(e.r#as), e.amount),
        Event::UnallocatedRefunded(e) => t.pay(checkout, &e.parts),

        // escrow
        Event::EscrowFunded(e) => {
            e.parts.iter().for_each(|part: &PaymentPart| t.post(checkout, escrow, part.amount));
            t.post(payment_difference(), escrow, e.shortfall);
            e.subsidies.iter().for_each(|s| t.post(subsidy(&s.campaign), escrow, s.amount));
        }
        Event::EscrowReleased(e) => {
            t.post(escrow, pending, e.to_merchant);
            t.post_tax(escrow, e.tax.as_ref());
        }
        Event::EscrowRefunded(e) => {
            t.post(escrow, refunds, e.to_buyer);
            t.give_back(escrow, &e.subsidies_back, e.shortfall_back);
        }
        Event::CommissionCharged(e) => {
            e.lines.iter().for_each(|l| t.post(pending, commission(&l.category), l.amount));
            t.post(pending, output_tax, e.vat);
        }
        Event::CommissionReversed(e) => {
            e.lines.iter().for_each(|l| t.post(commission(&l.category), pending, l.amount));
            t.post(output_tax, pending, e.vat);
        }

        // refunds and rulings
        Event::RefundIssued(e) => e.borne_by.iter().for_each(|share| match share.by {
            Bearer::Merchant => t.borne(pending, refunds, pending, share),
            // DepositDeducted has credited the gross to the refund already
            Bearer::Deposit => t.borne(refunds, refunds, pending, share),
            Bearer::Platform => t.post(goodwill, refunds, share.to_buyer),
        }),
        Event::RefundPaid(e) => t.pay(refunds, &e.parts),
        Event::RefundFailed(e) => {
            e.parts.iter().for_each(|p| t.post(provider(&p.provider), refunds, p.amount));
        }
        Event::ReturnFreightCharged(e) => match e.to {
            PaidBy::Merchant => t.post(pending, provider(&e.provider), e.amount),
            PaidBy::Market => t.post(account(Expenses, "ReturnFreight", ""), provider(&e.provider), e.amount),
            PaidBy::Buyer => {}
        },
        // what its deposit bore comes back with DepositRestored, in the deposit's own stream
        Event::RulingReversed(e) => t.post(goodwill, pending, e.to_merchant),

        // chargebacks
        Event::ChargebackReceived(e) => {
            t.post(charged_back(&e.provider), provider(&e.provider), e.amount);
            t.post_some(provider_fee(&e.provider), provider(&e.provider), e.fee);
        }
        Event::ChargebackWon(e) => t.post(provider(&e.provider), charged_back(&e.provider), e.amount),
        Event::ChargebackLost(e) => {
            // the orders' parts are posted by their own ChargebackClosed
            t.post(checkout, charged_back(&e.provider), e.from_unallocated);
            t.post(chargeback_loss(), charged_back(&e.provider), e.loss);
        }
        Event::ChargebackClosed(e) if e.outcome == ChargebackOutcome::Lost => {
            let bank = charged_back(&e.provider);
            if let Some(taken) = &e.from_escrow {
                t.post(escrow, bank, taken.to_buyer);
                t.give_back(escrow, &taken.subsidies_back, taken.shortfall_back);
            }
            e.borne_by.iter().for_each(|share| match share.by {
                Bearer::Merchant => t.borne(pending, bank, pending, share),
                Bearer::Deposit => t.borne(refunds, bank, pending, share),
                Bearer::Platform => t.post(chargeback_loss(), bank, share.to_buyer),
            });
            t.post_some(refunds, bank, e.from_refunds);
            t.post(chargeback_loss(), bank, e.loss);
        }

        // the merchant's account
        Event::PlatformFeeCharged(e) => {
            t.post(pending, account(Income, "PlatformFee", ""), e.amount);
            t.post(pending, output_tax, e.vat);
        }
        Event::AdvertisingFeeCharged(e) => {
            t.post(pending, account(Income, "Advertising", ""), e.amount);
            t.post(pending, output_tax, e.vat);
        }
        Event::PenaltyCharged(e) => t.post(pending, account(Income, "Penalty", ""), e.amount),
        Event::FeeWaived(e) => t.post(account(Income, "FeeWaived", ""), pending, e.amount),
        Event::RewardGranted(e) => t.post(account(Expenses, "Reward", ""), pending, e.amount),
        Event::SettlementClosed(e) if e.total.minor >= 0 => {
            t.post(pending, available, e.total);
            t.post(available, reserve, e.held_as_reserve);
        }
        Event::SettlementClosed(e) => t.post(available, pending, e.taken_from_available),
        Event::ReserveReleased(e) => t.post(reserve, available, e.amount),
        Event::BalanceHeld(e) => t.post(available, held, e.amount),
        Event::BalanceHoldLifted(e) => t.post(held, available, e.amount),
        Event::PayoutRequested(e) => t.post(available, transit, e.amount),
        Event::PayoutFailed(e) => t.post(transit, available, e.amount),
        Event::PayoutConfirmed(e) => {
            t.post(transit, bank(&e.bank), e.amount);
            t.post_some(account(Expenses, "BankFee", ""), bank(&e.bank), e.fee);
        }
        Event::PayoutReturned(e) => t.post(bank(&e.bank), available, e.amount),
        Event::PayoutConverted(e) => {
            t.post(transit, conversion(), e.from);
            t.post(conversion(), transit, e.to);
            t.post(conversion(), account(Income, "FX", ""), e.spread);
        }
        Event::AdjustmentApproved(e) => match e.direction {
            Direction::ForMerchant => t.post(account(Expenses, "Adjustment", ""), pending, e.amount),
            Direction::AgainstMerchant => t.post(pending, account(Income, "Adjustment", ""), e.amount),
        },

        // campaigns: what a merchant bears itself moves no money of the market's
        Event::CampaignSpendRecorded(e) if e.funded_by == FundedBy::Market => {
            t.post(account(Expenses, "Advertising", k), payable(&e.channel), e.amount);
        }
        Event::AffiliateCommissionAccrued(e) if e.funded_by == FundedBy::Market => {
            t.post(account(Expenses, "Affiliate", k), payable(&e.partner), e.amount);
        }
        Event::AffiliateCommissionReversed(e) if e.funded_by == FundedBy::Market => {
            t.post(payable(&e.partner), account(Expenses, "Affiliate", k), e.amount);
        }
        Event::AffiliateCommissionPaid(e) => t.post(payable(&e.partner), bank(&e.bank), e.amount),

        // points
        Event::PointsEarned(e) => t.post(points_cost(), owed("Points", ""), e.value),
        Event::PointsReversed(e) => t.post(owed("Points", ""), points_cost(), e.value),
        Event::PointsExpired(e) => t.post(owed("Points", ""), points_cost(), e.value),
        Event::PointsConverted(e) => match e.to {
            PointsBecome::Coupon => t.post(owed("Points", ""), owed("Coupons", ""), e.value),
            PointsBecome::Cash => t.post(owed("Points", ""), owed("StoredValue", ""), e.value),
        },

        // the market's own books
        Event::ProviderPaidOut(e) => {
            t.post(bank(&e.bank), provider(&e.provider), e.amount);
            t.post_some(provider_fee(&e.provider), provider(&e.provider), e.fee);
        }
        Event::TaxRemitted(e) => t.post(owed("Tax", e.jurisdiction.as_str()), bank(&e.bank), e.amount),
        Event::PayableSettled(e) => t.post(payable(&e.channel), bank(&e.bank), e.amount),
        Event::OwnFundsMoved(e) => t.post(bank(&e.to), bank(&e.from), e.amount),
        Event::JournalVoucher(e) => t.by_hand(&e.entries),
        // none where the break was explained
        Event::BreakResolved(e) => t.by_hand(&e.entries),
        _ => debug_assert!(
            !event.kind().posts()
                || matches!(
                    event,
                    Event::ChargebackClosed(_)
                        | Event::CampaignSpendRecorded(_)
                        | Event::AffiliateCommissionAccrued(_)
                        | Event::AffiliateCommissionReversed(_)
                ),
            "{} moves money and has no rule",
            event.kind().as_str()
        ),
    }
    t.finish();
}

/// The entries of one event under construction.
struct Table<'a, 'o> {
    out: &'o mut Vec<Entry<'a>>,
    /// Where this event's entries begin.
    from: usize,
}

impl<'a> Table<'a, '_> {
    /// The one movement all rules are made of.
    fn post(&mut self, debit: Account<'a>, credit: Account<'a>, amount: Money) {
        self.add(debit, amount, Side::Debit);
        self.add(credit, amount, Side::Credit);
    }

    fn post_some(&mut self, debit: Account<'a>, credit: Account<'a>, amount: Option<Money>) {
        if let Some(amount) = amount {
            self.post(debit, credit, amount);
        }
    }

    /// Tax due to its office.
    fn post_tax(&mut self, debit: Account<'a>, tax: Option<&'a TaxAmount>) {
        if let Some(tax) = tax {
            self.post(debit, owed("Tax", tax.jurisdiction.as_str()), tax.amount);
        }
    }

    /// Refund parts leave by the way each payment came.
    fn pay(&mut self, debit: Account<'a>, parts: &'a [RefundPart]) {
        for part in parts {
            self.post(debit, provider(&part.provider), part.amount);
        }
    }

    /// What the market had added goes back to where it was spent.
    fn give_back(&mut self, debit: Account<'a>, subsidies: &'a [Subsidy], shortfall: Money) {
        for s in subsidies {
            self.post(debit, subsidy(&s.campaign), s.amount);
        }
        self.post(debit, payment_difference(), shortfall);
    }

    /// Entries that persons wrote.
    fn by_hand(&mut self, entries: &'a [VoucherEntry]) {
        for line in entries {
            // the decider let only accounts of the chart through
            if let Ok(account) = Account::parse(line.account.as_str()) {
                self.add(account, line.amount, line.side);
            }
        }
    }

    /// A share of a refund or chargeback that a merchant or its deposit bears: the gross from `bearer`, its
    /// tax from the tax office to the merchant, who had never been paid it.
    fn borne(
        &mut self,
        bearer: Account<'a>,
        receiver: Account<'a>,
        pending: Account<'a>,
        share: &'a RefundShare,
    ) {
        self.post(bearer, receiver, share.to_buyer);
        self.give_back(bearer, &share.subsidies_back, share.shortfall_back);
        if let Some(tax) = &share.tax_back {
            self.post(owed("Tax", tax.jurisdiction.as_str()), pending, tax.amount);
        }
    }

    /// Adds to the account's entry of this event, if it has one in the currency.
    fn add(&mut self, account: Account<'a>, amount: Money, side: Side) {
        let signed = match side {
            Side::Debit => amount,
            Side::Credit => Money::new(-amount.minor, amount.currency),
        };
        if signed.is_zero() {
            return;
        }
        let same = self.out[self.from..]
            .iter_mut()
            .find(|e| e.account == account && e.amount.currency == signed.currency);
        if let Some(entry) = same
            && let Ok(sum) = entry.amount.add(signed)
        {
            entry.amount = sum;
            return;
        }
        self.out.push(Entry { account, amount: signed });
    }

    /// Drops what cancelled out.
    fn finish(self) {
        let mut at = self.from;
        while at < self.out.len() {
            if self.out[at].amount.is_zero() {
                self.out.remove(at);
            } else {
                at += 1;
            }
        }
    }
}

const fn account<'a>(class: Class, name: &'static str, dimension: &'a str) -> Account<'a> {
    Account { class, name, dimension }
}

const fn owed<'a>(name: &'static str, dimension: &'a str) -> Account<'a> {
    account(Liabilities, name, dimension)
}

/// Where money at a provider stands.
fn provider(id: &ProviderId) -> Account<'_> {
    match id.as_str() {
        STORED_VALUE_PROVIDER => owed("StoredValue", ""),
        id => account(Assets, "Provider", id),
    }
}

fn provider_fee(id: &ProviderId) -> Account<'_> {
    account(Expenses, "ProviderFee", id.as_str())
}

fn charged_back(id: &ProviderId) -> Account<'_> {
    account(Assets, "ChargebackHeld", id.as_str())
}

fn payable(to: &crate::Code) -> Account<'_> {
    owed("Payable", to.as_str())
}

fn bank(id: &crate::BankAccountId) -> Account<'_> {
    account(Assets, "Bank", id.as_str())
}

fn subsidy(id: &CampaignId) -> Account<'_> {
    match id.as_str() {
        POINTS_COUPONS => owed("Coupons", ""),
        id => account(Expenses, "Subsidy", id),
    }
}

const fn points_cost() -> Account<'static> {
    account(Expenses, "Points", "")
}

fn refunds_of(id: &OrderId) -> Account<'_> {
    owed("Refunds", id.as_str())
}

fn commission(id: &crate::Category) -> Account<'_> {
    account(Income, "Commission", id.as_str())
}

const fn payment_difference() -> Account<'static> {
    account(Expenses, "PaymentDifference", "")
}

const fn chargeback_loss() -> Account<'static> {
    account(Expenses, "ChargebackLoss", "")
}

const fn conversion() -> Account<'static> {
    account(Equity, "Conversion", "")
}

const fn difference(kind: DifferenceKind) -> Account<'static> {
    match kind {
        DifferenceKind::InstalmentInterest => account(Income, "InstalmentInterest", ""),
        DifferenceKind::Rounding => account(Income, "PaymentDifference", ""),
    }
}
