//! One row per checkout, with the money that has no order to take it and why.

use daybook_domain::checkout::events::UnallocatedReason;
use daybook_domain::{Event, EventKind, Money};

use super::{count, set, text};
use crate::model::{Envelope, Index, Key, Keys, KindSet, Model, Out};
use crate::record;
use crate::record::NoChild;
use crate::world::World;

record! {
    /// A checkout: one payment for one basket. Amounts are minor units of `currency`; money in another
    /// currency stands in the books and is counted here in `other_currency_payments` alone.
    CheckoutRow in "checkouts", key(checkout_id) {
        /// The checkout.
        checkout_id: String,
        /// The buyer, pseudonymous.
        buyer_id: String,
        /// ISO 4217 code.
        currency: String,
        /// open, covered, expired or cancelled.
        status: String,
        /// When it was opened.
        opened_at: i64 = time,
        /// When what was due had come together.
        covered_at: Option<i64> = time,
        /// Orders of the basket.
        orders: i64,
        /// What its orders ask.
        due: i64 = money,
        /// Payments captured.
        payments: i64,
        /// Payments that failed.
        payments_failed: i64,
        /// Captured from providers.
        captured: i64 = money,
        /// Drawn from the market's own gift cards.
        stored_value: i64 = money,
        /// Fees that providers keep of it.
        provider_fees: i64 = money,
        /// What the market accepted to bear of what was due.
        shortfall: i64 = money,
        /// Allocated to orders.
        allocated: i64 = money,
        /// Recognised as the market's own: instalment interest, rounding.
        recognised: i64 = money,
        /// Taken back by providers before allocation.
        reversed: i64 = money,
        /// Refunded without having had an order.
        refunded: i64 = money,
        /// Taken by banks from what had no order.
        charged_back: i64 = money,
        /// What stands here in the books: not in an order's escrow, nor gone elsewhere.
        held: i64 = money,
        /// Of that, what was found without an order to take it.
        unallocated: i64 = money,
        /// Why the last of it has none.
        unallocated_reason: Option<String>,
        /// Since when money stands here without an order.
        unallocated_since: Option<i64> = time,
        /// Of the unallocated: more was paid than was due.
        overpaid: i64 = money,
        /// Of the unallocated: no order of the basket is open to take it.
        no_order_open: i64 = money,
        /// Of the unallocated: its order was cancelled.
        no_order_cancelled: i64 = money,
        /// Of the unallocated: it came after the checkout had ended.
        late: i64 = money,
        /// Of the unallocated: it was paid twice.
        duplicate: i64 = money,
        /// Of the unallocated: its order refused it.
        order_refused: i64 = money,
        /// Payments in another currency than the checkout's.
        other_currency_payments: i64,
        /// Chargebacks not decided.
        chargebacks_open: i64,
        /// Reviews of a basket that never became an order.
        reviews: i64,
    }
}

/// The model of [`CheckoutRow`].
#[derive(Debug)]
pub struct Checkouts;

impl Model for Checkouts {
    type Row = CheckoutRow;
    type Child = NoChild;
    const VERSION: u32 = 1;
    const KINDS: KindSet =
        KindSet::of_category("checkout").or(KindSet::of(&[EventKind::ReviewPosted, EventKind::EscrowFunded]));
    const INDEXES: &'static [Index] =
        &[Index { columns: &["checkout_id"], above_zero: Some("unallocated") }, Index::on(&["buyer_id"])];

    fn route<'e>(e: &'e Envelope<'e>, keys: &mut Keys<'e>) {
        // an order's review names its checkout too and is the order's
        if e.kind == EventKind::ReviewPosted && e.refs.order.is_some() {
            return;
        }
        if let Some(checkout) = &e.refs.checkout {
            keys.push(Key::new(&[checkout.as_str()]));
        }
    }

    fn empty(key: &Key<'_>) -> CheckoutRow {
        CheckoutRow { checkout_id: key.part(0).to_owned(), ..CheckoutRow::default() }
    }

    fn fold(row: &mut CheckoutRow, _: usize, e: &Envelope<'_>, _: &World, out: &mut Out<NoChild>) {
        row.remember(e, out);
        // what stands here is what the books say
        for entry in e.entries.iter().filter(|x| x.account.name == "Checkout") {
            if row.own(entry.amount) {
                out.take(&mut row.held, entry.amount.minor);
            }
        }
    }
}

impl CheckoutRow {
    fn own(&self, amount: Money) -> bool {
        amount.currency.as_str() == self.currency
    }

    fn remember(&mut self, e: &Envelope<'_>, out: &mut Out<NoChild>) {
        match e.event {
            Event::CheckoutOpened(x) => {
                self.buyer_id = text(x.buyer);
                self.currency = text(x.currency.as_str());
                set(&mut self.status, "open");
                self.opened_at = e.occurred_at;
                self.orders = count(x.orders.len());
                self.due = x.due.minor;
            }
            Event::PaymentCaptured(x) => {
                self.payments += 1;
                if self.own(x.amount) {
                    out.add(&mut self.captured, x.amount.minor);
                    out.add(&mut self.provider_fees, x.fee.map_or(0, |f| f.minor));
                } else {
                    self.other_currency_payments += 1;
                }
            }
            Event::PaymentFailed(_) => self.payments_failed += 1,
            Event::StoredValueUsed(x) => out.add(&mut self.stored_value, x.amount.minor),
            Event::PaymentReversed(x) if self.own(x.amount) => out.add(&mut self.reversed, x.amount.minor),
            Event::DueChanged(x) => self.due = x.due.minor,
            Event::ShortfallAccepted(x) => out.add(&mut self.shortfall, x.amount.minor),
            Event::DifferenceRecognised(x) => out.add(&mut self.recognised, x.amount.minor),
            Event::MoneyUnallocated(x) if self.own(x.amount) => self.unallocate(e, x.reason, x.amount, out),
            Event::FundsAllocated(x) => {
                set(&mut self.status, "covered");
                self.covered_at = self.covered_at.or(Some(e.occurred_at));
                x.parts.iter().for_each(|p| out.add(&mut self.allocated, p.amount.minor));
            }
            Event::AllocationReturned(x) => {
                x.parts.iter().for_each(|p| out.take(&mut self.allocated, p.amount.minor));
            }
            Event::UnallocatedRefunded(x) => {
                let own = x.parts.iter().filter(|p| p.amount.currency.as_str() == self.currency);
                own.for_each(|p| out.add(&mut self.refunded, p.amount.minor));
            }
            Event::CheckoutExpired(_) => set(&mut self.status, "expired"),
            Event::CheckoutCancelled(_) => set(&mut self.status, "cancelled"),
            Event::ChargebackReceived(_) => self.chargebacks_open += 1,
            Event::ChargebackWon(_) => self.chargebacks_open -= 1,
            Event::ChargebackLost(x) => {
                self.chargebacks_open -= 1;
                out.add(&mut self.charged_back, x.from_unallocated.minor);
            }
            Event::ReviewPosted(_) => self.reviews += 1,
            _ => {}
        }
    }

    fn unallocate(
        &mut self,
        e: &Envelope<'_>,
        reason: UnallocatedReason,
        amount: Money,
        out: &mut Out<NoChild>,
    ) {
        let under = match reason {
            UnallocatedReason::Overpaid => &mut self.overpaid,
            UnallocatedReason::NoOrderOpen => &mut self.no_order_open,
            UnallocatedReason::NoOrderCancelled => &mut self.no_order_cancelled,
            UnallocatedReason::Late => &mut self.late,
            UnallocatedReason::Duplicate => &mut self.duplicate,
            UnallocatedReason::OrderRefused => &mut self.order_refused,
            // only ever said of money in another currency
            UnallocatedReason::OtherCurrency => return,
        };
        out.add(under, amount.minor);
        out.add(&mut self.unallocated, amount.minor);
        if self.unallocated == 0 {
            (self.unallocated_reason, self.unallocated_since) = (None, None);
        } else if amount.minor > 0 {
            self.unallocated_reason = Some(text(reason.as_str()));
            self.unallocated_since = self.unallocated_since.or(Some(e.occurred_at));
        }
    }
}
