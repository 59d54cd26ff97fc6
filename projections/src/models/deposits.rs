//! One row per merchant's deposit (交易保证金).

use daybook_domain::deposit::events::DeductedTo;
use daybook_domain::posting::POSTING_RULES_VERSION;
use daybook_domain::{Event, Money};

use super::{set, text};
use crate::model::{Envelope, Key, Keys, KindSet, Model, Out};
use crate::record;
use crate::record::NoChild;
use crate::world::World;

record! {
    /// A merchant's deposit. Amounts are minor units of `currency`.
    DepositRow in "deposits", key(merchant_id) {
        /// The merchant.
        merchant_id: String,
        /// ISO 4217 code.
        currency: String,
        /// not_required, satisfied or short: what is there, frozen or not, against what is required.
        status: String,
        /// What must be kept deposited.
        required: i64 = money,
        /// What is there and not frozen.
        free: i64 = money,
        /// What is held for claims.
        frozen: i64 = money,
        /// Paid in by the merchant.
        paid: i64 = money,
        /// Paid in from the merchant's own balance.
        paid_from_balance: i64 = money,
        /// Deducted for buyers.
        deducted_for_buyers: i64 = money,
        /// Deducted as penalties.
        deducted_as_penalties: i64 = money,
        /// Deducted to make a debt good.
        deducted_for_balance: i64 = money,
        /// Given back by rulings that were reversed.
        restored: i64 = money,
        /// Paid back after the merchant left.
        refunded: i64 = money,
        /// When anything last happened.
        updated_at: i64 = time,
    }
}

/// The model of [`DepositRow`].
#[derive(Debug)]
pub struct Deposits;

impl Model for Deposits {
    type Row = DepositRow;
    type Child = NoChild;
    const VERSION: u32 = 1_000 * POSTING_RULES_VERSION + 1;
    const KINDS: KindSet = KindSet::of_category("deposit");

    fn route<'e>(e: &'e Envelope<'e>, keys: &mut Keys<'e>) {
        if let Some(merchant) = &e.refs.merchant {
            keys.push(Key::new(&[merchant.as_str()]));
        }
    }

    fn empty(key: &Key<'_>) -> DepositRow {
        DepositRow { merchant_id: text(key.part(0)), status: text("not_required"), ..DepositRow::default() }
    }

    fn fold(row: &mut DepositRow, _: usize, e: &Envelope<'_>, _: &World, out: &mut Out<NoChild>) {
        row.remember(e.event, out);
        for entry in e.entries {
            let cell = match entry.account.name {
                "Deposit" => &mut row.free,
                "DepositFrozen" => &mut row.frozen,
                _ => continue,
            };
            out.take(cell, entry.amount.minor);
        }
        let status = match row.required {
            0 => "not_required",
            required if row.free.saturating_add(row.frozen) >= required => "satisfied",
            _ => "short",
        };
        set(&mut row.status, status);
        row.updated_at = row.updated_at.max(e.occurred_at);
    }
}

impl DepositRow {
    fn remember(&mut self, event: &Event, out: &mut Out<NoChild>) {
        let amount: Money = match event {
            Event::DepositRequired(x) => x.amount,
            Event::DepositPaid(x) => x.amount,
            Event::DepositPaidFromBalance(x) => x.amount,
            Event::DepositFrozen(x) => x.amount,
            Event::DepositReleased(x) => x.amount,
            Event::DepositDeducted(x) => x.amount,
            Event::DepositRefunded(x) => x.amount,
            Event::DepositRestored(x) => x.amount,
            _ => return,
        };
        set(&mut self.currency, amount.currency.as_str());
        let cell = match event {
            Event::DepositRequired(_) => {
                self.required = amount.minor;
                return;
            }
            Event::DepositPaid(_) => &mut self.paid,
            Event::DepositPaidFromBalance(_) => &mut self.paid_from_balance,
            Event::DepositDeducted(x) => match x.to {
                DeductedTo::Buyer { .. } => &mut self.deducted_for_buyers,
                DeductedTo::Penalty => &mut self.deducted_as_penalties,
                DeductedTo::MerchantBalance => &mut self.deducted_for_balance,
            },
            Event::DepositRefunded(_) => &mut self.refunded,
            Event::DepositRestored(_) => &mut self.restored,
            _ => return,
        };
        out.add(cell, amount.minor);
    }
}
