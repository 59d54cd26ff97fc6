//! One row per payout: what was asked for, how far it came, and what reached the merchant's bank.

use daybook_domain::{Event, EventKind, Money, PayoutId};

use super::{set, text, text_of};
use crate::model::{Envelope, Index, Key, Keys, KindSet, Model, Out};
use crate::record;
use crate::record::NoChild;
use crate::world::World;

record! {
    /// A payout. Amounts are minor units: `amount` of `currency`, `paid_amount` of `paid_currency`, and so on.
    PayoutRow in "payouts", key(payout_id, merchant_id) {
        /// The payout.
        payout_id: String,
        /// Who is paid.
        merchant_id: String,
        /// requested, sent, confirmed, failed or returned.
        state: String,
        /// ISO 4217 code of the account.
        currency: String,
        /// What left the merchant's available balance.
        amount: i64 = money,
        /// The merchant's bank account, as a reference.
        destination_ref: String,
        /// When it was asked for.
        requested_at: i64 = time,
        /// When it was handed to the bank.
        sent_at: Option<i64> = time,
        /// The bank's or provider's reference.
        provider_ref: Option<String>,
        /// When the bank confirmed it.
        confirmed_at: Option<i64> = time,
        /// The market's bank account that it left.
        bank: Option<String>,
        /// ISO 4217 code of the bank's fee.
        fee_currency: Option<String>,
        /// What the bank charged the market.
        fee_amount: Option<i64> = money,
        /// When it was converted.
        converted_at: Option<i64> = time,
        /// Units of the paid currency for one unit of the account's.
        rate: Option<String>,
        /// Who published the rate, and when.
        rate_ref: Option<String>,
        /// The market's margin.
        spread: i64 = money,
        /// ISO 4217 code of what is to arrive.
        paid_currency: String,
        /// What arrived and stayed: zero until it is confirmed, and again when it came back.
        paid_amount: i64 = money,
        /// What is to arrive.
        paid_due: i64 = money,
        /// When it failed.
        failed_at: Option<i64> = time,
        /// When the bank brought it back.
        returned_at: Option<i64> = time,
        /// Why it failed or came back.
        reason: Option<String>,
    }
}

/// The model of [`PayoutRow`].
#[derive(Debug)]
pub struct Payouts;

fn payout_of(event: &Event) -> Option<&PayoutId> {
    Some(match event {
        Event::PayoutRequested(x) => &x.payout,
        Event::PayoutConverted(x) => &x.payout,
        Event::PayoutSent(x) => &x.payout,
        Event::PayoutConfirmed(x) => &x.payout,
        Event::PayoutFailed(x) => &x.payout,
        Event::PayoutReturned(x) => &x.payout,
        _ => return None,
    })
}

impl Model for Payouts {
    type Row = PayoutRow;
    type Child = NoChild;
    const VERSION: u32 = 1;
    const KINDS: KindSet = KindSet::of(&[
        EventKind::PayoutRequested,
        EventKind::PayoutConverted,
        EventKind::PayoutSent,
        EventKind::PayoutConfirmed,
        EventKind::PayoutFailed,
        EventKind::PayoutReturned,
    ]);
    const INDEXES: &'static [Index] = &[
        Index::on(&["requested_at", "merchant_id", "payout_id"]),
        Index::on(&["state", "requested_at", "merchant_id", "payout_id"]),
        Index::on(&["merchant_id", "requested_at", "payout_id"]),
    ];

    fn route<'e>(e: &'e Envelope<'e>, keys: &mut Keys<'e>) {
        if let (Some(payout), Some(merchant)) = (payout_of(e.event), &e.refs.merchant) {
            keys.push(Key::new(&[payout.as_str(), merchant.as_str()]));
        }
    }

    fn empty(key: &Key<'_>) -> PayoutRow {
        PayoutRow { payout_id: text(key.part(0)), merchant_id: text(key.part(1)), ..PayoutRow::default() }
    }

    fn fold(row: &mut PayoutRow, _: usize, e: &Envelope<'_>, _: &World, _: &mut Out<NoChild>) {
        let at = Some(e.occurred_at);
        match e.event {
            Event::PayoutRequested(x) => {
                set(&mut row.state, "requested");
                row.currency = text(x.amount.currency.as_str());
                row.amount = x.amount.minor;
                row.destination_ref = text(x.destination_ref);
                row.requested_at = e.occurred_at;
                row.is_due(x.amount);
            }
            Event::PayoutConverted(x) => {
                row.converted_at = at;
                row.rate = Some(x.rate.to_string());
                row.rate_ref = Some(text(x.rate_ref));
                row.spread = x.spread.minor;
                row.is_due(x.to);
            }
            Event::PayoutSent(x) => {
                set(&mut row.state, "sent");
                row.sent_at = at;
                row.provider_ref = Some(text(x.provider_ref));
            }
            Event::PayoutConfirmed(x) => {
                set(&mut row.state, "confirmed");
                row.confirmed_at = at;
                row.bank = Some(text(x.bank));
                row.paid_amount = x.amount.minor;
                row.fee_currency = text_of(x.fee.as_ref().map(|fee| fee.currency.as_str()));
                row.fee_amount = x.fee.map(|fee| fee.minor);
            }
            Event::PayoutFailed(x) => {
                set(&mut row.state, "failed");
                row.failed_at = at;
                row.reason = Some(x.reason.clone());
            }
            Event::PayoutReturned(x) => {
                set(&mut row.state, "returned");
                row.returned_at = at;
                row.reason = Some(x.reason.clone());
                row.paid_amount = 0;
            }
            _ => {}
        }
    }
}

impl PayoutRow {
    fn is_due(&mut self, amount: Money) {
        set(&mut self.paid_currency, amount.currency.as_str());
        self.paid_due = amount.minor;
    }
}
