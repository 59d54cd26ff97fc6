//! Merchants: invariant 7, what a merchant has against what it earned.

use std::collections::BTreeMap;

use daybook_domain::account::events::Direction;
use daybook_domain::deposit::events::DeductedTo;
use daybook_domain::order::events::{Bearer, ChargebackOutcome, PaidBy, RefundShare};
use daybook_domain::{Currency, Event, MerchantId, Money};

use super::books::Books;
use super::report::{Check, Report};
use super::{Group, Seen};

/// Minor units.
#[derive(Default)]
struct Merchant {
    /// What came to it less what it bore, from the fields of events.
    earned: i64,
    /// Paid out, net of what was returned.
    paid_out: i64,
    /// Moved from its balance into its deposit.
    into_deposit: i64,
}

#[derive(Default)]
pub struct Merchants(BTreeMap<(MerchantId, Currency), Merchant>);

/// The balances that belong to a merchant.
const BALANCES: &[&str] =
    &["MerchantPending", "MerchantAvailable", "MerchantHeld", "MerchantReserve", "PayoutInTransit"];

/// What a merchant bears of a refund or chargeback: its gross without the tax, which the tax office gives back;
/// where its deposit bears it, that tax is the merchant's gain.
fn borne(shares: &[RefundShare]) -> i64 {
    let mut sum = 0;
    for share in shares {
        let tax = share.tax_back.as_ref().map_or(0, |tax| tax.amount.minor);
        match share.by {
            Bearer::Merchant => sum += share.gross.minor - tax,
            Bearer::Deposit => sum -= tax,
            Bearer::Platform => {}
        }
    }
    sum
}

impl Group for Merchants {
    fn see(&mut self, seen: &Seen<'_>, _: &Books) {
        let Some(merchant) = seen.refs.merchant else { return };
        let mut earn = |amount: Money, sign: i64| {
            self.0.entry((merchant, amount.currency)).or_default().earned += sign * amount.minor;
        };
        match seen.event {
            Event::EscrowReleased(e) => earn(e.to_merchant, 1),
            Event::CommissionCharged(e) => {
                earn(e.amount, -1);
                earn(e.vat, -1);
            }
            Event::CommissionReversed(e) => {
                earn(e.amount, 1);
                earn(e.vat, 1);
            }
            Event::PlatformFeeCharged(e) => {
                earn(e.amount, -1);
                earn(e.vat, -1);
            }
            Event::AdvertisingFeeCharged(e) => {
                earn(e.amount, -1);
                earn(e.vat, -1);
            }
            Event::FeeWaived(e) => earn(e.amount, 1),
            Event::PenaltyCharged(e) => earn(e.amount, -1),
            Event::RefundIssued(e) => earn(Money::new(borne(&e.borne_by), e.to_buyer.currency), -1),
            Event::ChargebackClosed(e) if e.outcome == ChargebackOutcome::Lost => {
                earn(Money::new(borne(&e.borne_by), e.amount.currency), -1);
            }
            Event::ReturnFreightCharged(e) if e.to == PaidBy::Merchant => earn(e.amount, -1),
            Event::RewardGranted(e) => earn(e.amount, 1),
            Event::AdjustmentApproved(e) => match e.direction {
                Direction::ForMerchant => earn(e.amount, 1),
                Direction::AgainstMerchant => earn(e.amount, -1),
            },
            Event::RulingReversed(e) => earn(e.to_merchant, 1),
            Event::DepositDeducted(e) if e.to == DeductedTo::MerchantBalance => earn(e.amount, 1),
            Event::PayoutConverted(e) => {
                earn(e.to, 1);
                self.0.entry((merchant, e.from.currency)).or_default().paid_out += e.from.minor;
            }
            Event::PayoutConfirmed(e) => {
                self.0.entry((merchant, e.amount.currency)).or_default().paid_out += e.amount.minor;
            }
            Event::PayoutReturned(e) => {
                self.0.entry((merchant, e.amount.currency)).or_default().paid_out -= e.amount.minor;
            }
            Event::DepositPaidFromBalance(e) => {
                self.0.entry((merchant, e.amount.currency)).or_default().into_deposit += e.amount.minor;
            }
            _ => {}
        }
    }

    fn finish(mut self: Box<Self>, books: &Books, report: &mut Report) {
        // a merchant with a balance and no event that explains it must be looked at too
        for name in BALANCES {
            for (dimension, currency, _) in books.owed_by_dimension(name) {
                if let Ok(merchant) = dimension.parse() {
                    self.0.entry((merchant, currency)).or_default();
                }
            }
        }
        let mut check = Check::new(
            7,
            "per merchant: balances + paid out + paid into deposit = released - commission - fees - what it bore + what it was given",
            "merchants",
        );
        for ((id, currency), merchant) in &self.0 {
            let balances: i64 = BALANCES.iter().map(|name| books.owed(name, id.as_str(), *currency)).sum();
            let has = balances + merchant.paid_out + merchant.into_deposit;
            let money = |minor| Money::new(minor, *currency);
            let wrong = (has != merchant.earned)
                .then(|| format!("has or had {}, earned {}", money(has), money(merchant.earned)));
            check.look(|| format!("merchant-{id}"), wrong);
        }
        report.add(check);
    }
}
