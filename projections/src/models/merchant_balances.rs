//! One row per merchant and currency: what it is owed, and what that came from and went to.
//!
//! Balances are read from the entries of each event, flows by the kind of event, so that per row
//! `pending + available + held + reserve + in_transit + paid_out + paid_into_deposit + converted = released -
//! commission - commission_vat - fees - penalties - refunds - chargebacks + rewards + adjustments + rulings_reversed
//! + covered_from_deposit` holds to the cent.

use daybook_domain::posting::{Entry, POSTING_RULES_VERSION};
use daybook_domain::{Event, EventKind};

use super::text;
use crate::model::{Cut, Envelope, Key, Keys, KindSet, Model, Out};
use crate::record;
use crate::record::NoChild;
use crate::world::World;

record! {
    /// What a merchant is owed in one currency. Amounts are minor units.
    MerchantBalanceRow in "merchant_balances", key(merchant_id, currency) {
        /// The merchant.
        merchant_id: String,
        /// ISO 4217 code.
        currency: String,
        /// In escrow for its orders.
        escrow: i64 = money,
        /// Released and not yet settled; negative is a receivable.
        pending: i64 = money,
        /// Settled, may be paid out.
        available: i64 = money,
        /// Settled, held for a claim.
        held: i64 = money,
        /// Settled, kept back for a time.
        reserve: i64 = money,
        /// On its way to the merchant's bank.
        in_transit: i64 = money,
        /// pending + available + held + reserve + in_transit: what the market owes it beyond escrow.
        owed: i64 = money,
        /// Paid out, less what came back.
        paid_out: i64 = money,
        /// Moved from its balance into its deposit.
        paid_into_deposit: i64 = money,
        /// Payouts converted to another currency, less what came from one.
        converted: i64 = money,
        /// What its customers paid into escrow, with what the market added: sales.
        funded: i64 = money,
        /// Of the escrow: refunded or taken by banks before release.
        escrow_returned: i64 = money,
        /// Released to it, before commission.
        released: i64 = money,
        /// Commission, net of what was given back.
        commission: i64 = money,
        /// VAT on commission, net.
        commission_vat: i64 = money,
        /// Platform and advertising fees and return freight, with VAT, less what was waived.
        fees: i64 = money,
        /// Penalties.
        penalties: i64 = money,
        /// Refunds after release that it bore, less the tax that came back.
        refunds: i64 = money,
        /// Chargebacks that it bore after release, less the tax that came back.
        chargebacks: i64 = money,
        /// Rewards.
        rewards: i64 = money,
        /// Adjustments for it, less those against it.
        adjustments: i64 = money,
        /// Given back by rulings that were reversed.
        rulings_reversed: i64 = money,
        /// Debts made good from its deposit.
        covered_from_deposit: i64 = money,
    }
}

/// The model of [`MerchantBalanceRow`].
#[derive(Debug)]
pub struct MerchantBalances;

/// The accounts whose sum a merchant is owed.
const OWED: &[&str] =
    &["MerchantPending", "MerchantAvailable", "MerchantHeld", "MerchantReserve", "PayoutInTransit"];

/// The merchant whose balance an entry changes.
fn merchant_of<'e>(e: &'e Envelope<'e>, entry: &'e Entry<'e>) -> Option<&'e str> {
    if entry.account.name == "Escrow" {
        e.refs.merchant.as_ref().map(|m| m.as_str())
    } else if OWED.contains(&entry.account.name) {
        Some(entry.account.dimension)
    } else {
        None
    }
}

impl Model for MerchantBalances {
    type Row = MerchantBalanceRow;
    type Child = NoChild;
    const VERSION: u32 = 1_000 * POSTING_RULES_VERSION + 1;
    const KINDS: KindSet = KindSet::MONEY;
    const CUT: Cut = Cut::Booked;

    fn route<'e>(e: &'e Envelope<'e>, keys: &mut Keys<'e>) {
        for entry in e.entries {
            let Some(merchant) = merchant_of(e, entry) else { continue };
            let key = Key::new(&[merchant, entry.amount.currency.as_str()]);
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }

    fn empty(key: &Key<'_>) -> MerchantBalanceRow {
        MerchantBalanceRow {
            merchant_id: text(key.part(0)),
            currency: text(key.part(1)),
            ..MerchantBalanceRow::default()
        }
    }

    fn fold(row: &mut MerchantBalanceRow, _: usize, e: &Envelope<'_>, _: &World, out: &mut Out<NoChild>) {
        let (mut owed, mut escrow) = (0, 0);
        for entry in e.entries {
            let own = merchant_of(e, entry) == Some(&row.merchant_id);
            if !own || entry.amount.currency.as_str() != row.currency {
                continue;
            }
            let cell = match entry.account.name {
                "Escrow" => &mut row.escrow,
                "MerchantPending" => &mut row.pending,
                "MerchantAvailable" => &mut row.available,
                "MerchantHeld" => &mut row.held,
                "MerchantReserve" => &mut row.reserve,
                _ => &mut row.in_transit,
            };
            out.take(cell, entry.amount.minor);
            let change = if entry.account.name == "Escrow" { &mut escrow } else { &mut owed };
            out.take(change, entry.amount.minor);
        }
        out.add(&mut row.owed, owed);
        row.flow(e, owed, escrow, out);
    }
}

impl MerchantBalanceRow {
    /// Says what a change of what is owed (and of escrow) was.
    fn flow(&mut self, e: &Envelope<'_>, owed: i64, escrow: i64, out: &mut Out<NoChild>) {
        match e.kind {
            EventKind::EscrowFunded => out.add(&mut self.funded, escrow),
            EventKind::EscrowReleased => out.add(&mut self.released, owed),
            EventKind::EscrowRefunded => out.take(&mut self.escrow_returned, escrow),
            EventKind::CommissionCharged | EventKind::CommissionReversed => {
                let vat = match e.event {
                    Event::CommissionCharged(x) => x.vat.minor,
                    Event::CommissionReversed(x) => -x.vat.minor,
                    _ => 0,
                };
                out.add(&mut self.commission_vat, vat);
                out.take(&mut self.commission, owed);
                out.take(&mut self.commission, vat);
            }
            EventKind::RefundIssued => out.take(&mut self.refunds, owed),
            EventKind::ChargebackClosed => {
                out.take(&mut self.chargebacks, owed);
                out.take(&mut self.escrow_returned, escrow);
            }
            EventKind::RulingReversed => out.add(&mut self.rulings_reversed, owed),
            EventKind::PlatformFeeCharged
            | EventKind::AdvertisingFeeCharged
            | EventKind::ReturnFreightCharged
            | EventKind::FeeWaived => out.take(&mut self.fees, owed),
            EventKind::PenaltyCharged => out.take(&mut self.penalties, owed),
            EventKind::RewardGranted => out.add(&mut self.rewards, owed),
            EventKind::DepositPaidFromBalance => out.take(&mut self.paid_into_deposit, owed),
            EventKind::DepositDeducted => out.add(&mut self.covered_from_deposit, owed),
            EventKind::PayoutConfirmed | EventKind::PayoutReturned => out.take(&mut self.paid_out, owed),
            EventKind::PayoutConverted => out.take(&mut self.converted, owed),
            // adjustments, and whatever a later rule may post to a merchant's balance
            _ => out.add(&mut self.adjustments, owed),
        }
    }
}
