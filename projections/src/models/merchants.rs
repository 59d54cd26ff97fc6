//! One row per merchant: standing, contract, fees agreed, and what became of its orders.

use daybook_domain::{Event, EventKind};

use super::{set, text, text_of};
use crate::model::{Envelope, Index, Key, Keys, KindSet, Model, Out};
use crate::record;
use crate::record::NoChild;
use crate::world::World;

record! {
    /// A merchant. Counts of orders count each order once, however many events made it so.
    MerchantRow in "merchants", key(merchant_id) {
        /// The merchant.
        merchant_id: String,
        /// unknown, applied, rejected, approved, open, suspended or terminated.
        standing: String,
        /// Its name.
        name: Option<String>,
        /// brand, manufacturer, agent, retailer or individual.
        kind: Option<String>,
        /// Country.
        country: Option<String>,
        /// Region, as another system gave it.
        region: Option<String>,
        /// The system it was taken over from.
        imported_from: Option<String>,
        /// Currency in which it is settled, ISO 4217.
        settlement_currency: Option<String>,
        /// When it applied or was taken over.
        applied_at: Option<i64> = time,
        /// When its application was approved.
        approved_at: Option<i64> = time,
        /// When its store opened.
        opened_at: Option<i64> = time,
        /// When it was last suspended.
        suspended_at: Option<i64> = time,
        /// Why it was last suspended, turned down or left.
        reason: Option<String>,
        /// When it left.
        terminated_at: Option<i64> = time,
        /// Certificates found good and not expired.
        qualifications: i64,
        /// The contract signed.
        contract_ref: Option<String>,
        /// Until when it holds.
        contract_valid_until: Option<i64> = time,
        /// Version of the fee schedule agreed last.
        fee_schedule_version: Option<i64>,
        /// From when that schedule holds.
        fee_schedule_from: Option<i64> = time,
        /// Its commission where no category says otherwise, a decimal.
        default_commission: Option<String>,
        /// The deposit it asks for, minor units of `settlement_currency`.
        deposit_required: Option<i64> = money,
        /// How often it is settled: daily, weekly, monthly or t_plus_n.
        settlement_cycle: Option<String>,
        /// Hours until dispatch that it promised.
        ship_within_hours: Option<i64>,
        /// Days for returns that it promised.
        return_days: Option<i64>,
        /// Tier of the last assessment.
        tier: Option<String>,
        /// Score of the last assessment, a decimal.
        score: Option<String>,
        /// Whether it passed the last assessment.
        passed: Option<bool>,
        /// Assessments failed in a row.
        failed_in_a_row: i64,
        /// Orders placed.
        orders: i64,
        /// Orders paid into escrow.
        orders_paid: i64,
        /// Orders shipped, in whole or part.
        orders_shipped: i64,
        /// Orders of which every shipment arrived.
        orders_delivered: i64,
        /// Orders with everything done.
        orders_completed: i64,
        /// Orders cancelled as a whole.
        orders_cancelled: i64,
        /// Orders refunded, in whole or part.
        orders_refunded: i64,
        /// Orders with a return asked for.
        orders_returned: i64,
        /// Orders with an exchange asked for.
        orders_exchanged: i64,
        /// Orders with a dispute.
        orders_disputed: i64,
        /// Orders whose last ruling was for the buyer.
        orders_ruled_for_buyer: i64,
        /// Orders from which a bank took money for good.
        orders_charged_back: i64,
        /// Disputes opened.
        disputes: i64,
        /// Reviews of its orders.
        reviews: i64,
        /// Of these with an overall score of 4 or 5.
        reviews_positive: i64,
        /// Sum of the overall scores.
        review_score: i64,
        /// When its first order was placed.
        first_order_at: Option<i64> = time,
        /// When its last order was placed.
        last_order_at: Option<i64> = time,
    }
}

/// The model of [`MerchantRow`].
#[derive(Debug)]
pub struct Merchants;

impl Model for Merchants {
    type Row = MerchantRow;
    type Child = NoChild;
    const VERSION: u32 = 1;
    const KINDS: KindSet = KindSet::of_category("merchant").or(KindSet::of_category("order"));
    const TALLIES: Option<&'static str> = Some("orders");
    const INDEXES: &'static [Index] = &[Index::on(&["standing", "merchant_id"])];

    fn route<'e>(e: &'e Envelope<'e>, keys: &mut Keys<'e>) {
        let silent = matches!(
            e.kind,
            EventKind::LenderConsentGranted | EventKind::LenderConsentRevoked | EventKind::LoanPackIssued
        );
        if let Some(merchant) = &e.refs.merchant
            && !silent
            && (e.kind.category() == "merchant" || counts(e))
        {
            keys.push(Key::new(&[merchant.as_str()]));
        }
    }

    fn empty(key: &Key<'_>) -> MerchantRow {
        MerchantRow { merchant_id: text(key.part(0)), standing: text("unknown"), ..MerchantRow::default() }
    }

    fn fold(row: &mut MerchantRow, _: usize, e: &Envelope<'_>, _: &World, out: &mut Out<NoChild>) {
        if e.kind.category() == "merchant" {
            row.stand(e);
        } else {
            row.count(e, out);
        }
    }
}

/// Whether an event of an order changes a count.
fn counts(e: &Envelope<'_>) -> bool {
    e.marks() != Default::default()
        || matches!(e.kind, EventKind::OrderPlaced | EventKind::ReviewPosted | EventKind::DisputeOpened)
}

impl MerchantRow {
    fn stand(&mut self, e: &Envelope<'_>) {
        let at = Some(e.occurred_at);
        match e.event {
            Event::MerchantApplied(x) => {
                set(&mut self.standing, "applied");
                self.name = Some(x.name.clone());
                self.kind = Some(text(x.kind.as_str()));
                self.country = Some(text(x.country));
                self.settlement_currency = Some(text(x.settlement_currency.as_str()));
                self.applied_at = at;
            }
            Event::MerchantImported(x) => {
                set(&mut self.standing, "open");
                self.imported_from = Some(text(x.source));
                self.settlement_currency = Some(text(x.settlement_currency.as_str()));
                self.name.clone_from(&x.name);
                self.kind = x.kind.map(|k| text(k.as_str()));
                self.country = text_of(x.country);
                self.region.clone_from(&x.region);
                (self.applied_at, self.opened_at) = (at, at);
            }
            Event::QualificationVerified(_) => self.qualifications += 1,
            Event::QualificationExpired(_) => self.qualifications -= 1,
            Event::MerchantApproved(_) => {
                set(&mut self.standing, "approved");
                self.approved_at = at;
            }
            Event::MerchantRejected(x) => {
                set(&mut self.standing, "rejected");
                self.reason = Some(x.reason.clone());
            }
            Event::ContractSigned(x) => {
                self.contract_ref = Some(text(x.document_ref));
                self.contract_valid_until = Some(x.valid_until.0);
            }
            Event::ServiceCommitmentMade(x) => {
                self.ship_within_hours = Some(i64::from(x.ship_within_hours));
                self.return_days = Some(i64::from(x.return_days));
            }
            Event::FeeScheduleAgreed(x) => {
                self.fee_schedule_version = Some(i64::from(x.version));
                self.fee_schedule_from = Some(x.effective_from.0);
                self.default_commission = Some(x.default_commission.normalize().to_string());
                self.deposit_required = Some(x.deposit_required.minor);
                self.settlement_cycle = Some(text(x.settlement.cycle.as_str()));
            }
            Event::StoreOpened(_) => {
                set(&mut self.standing, "open");
                self.opened_at = at;
            }
            Event::MerchantSuspended(x) => {
                set(&mut self.standing, "suspended");
                self.suspended_at = at;
                self.reason = Some(x.reason.clone());
            }
            Event::MerchantReinstated(_) => {
                set(&mut self.standing, "open");
                self.reason = None;
            }
            Event::MerchantAssessed(x) => {
                self.tier = Some(text(x.tier));
                self.score = Some(x.score.normalize().to_string());
                self.passed = Some(x.passed);
                self.failed_in_a_row = if x.passed { 0 } else { self.failed_in_a_row + 1 };
            }
            Event::MerchantTerminated(x) => {
                set(&mut self.standing, "terminated");
                self.terminated_at = at;
                self.reason = Some(text(x.reason.as_str()));
            }
            _ => {}
        }
    }

    fn count(&mut self, e: &Envelope<'_>, out: &mut Out<NoChild>) {
        let at = Some(e.occurred_at);
        match e.event {
            Event::OrderPlaced(_) => {
                self.orders += 1;
                self.first_order_at = self.first_order_at.min(at).or(at);
                self.last_order_at = self.last_order_at.max(at);
            }
            Event::DisputeOpened(_) => self.disputes += 1,
            Event::ReviewPosted(x) => {
                self.reviews += 1;
                self.reviews_positive += i64::from(x.overall >= 4);
                self.review_score += i64::from(x.overall);
            }
            _ => {}
        }
        let marks = e.marks();
        out.add(&mut self.orders_paid, marks.paid);
        out.add(&mut self.orders_shipped, marks.shipped);
        out.add(&mut self.orders_delivered, marks.delivered);
        out.add(&mut self.orders_completed, marks.completed);
        out.add(&mut self.orders_cancelled, marks.cancelled);
        out.add(&mut self.orders_refunded, marks.refunded);
        out.add(&mut self.orders_returned, marks.returned);
        out.add(&mut self.orders_exchanged, marks.exchanged);
        out.add(&mut self.orders_disputed, marks.disputed);
        out.add(&mut self.orders_ruled_for_buyer, marks.ruled_for_buyer);
        out.add(&mut self.orders_charged_back, marks.charged_back);
    }
}
