//! What became of orders: shipped, delivered, sent back, refunded, disputed, reviewed; who asked before and who answered.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use chrono::NaiveDate;
use daybook_domain::account::events as account;
use daybook_domain::order::events::{ChargebackOutcome, DisputeCategory, RuledFor};
use daybook_domain::{
    BuyerId, Currency, DisputeId, Event, EventKind, MerchantId, Money, OrderId, Timestamp, VisitorId,
};
use hashbrown::HashMap;

use super::history::number_of;
use super::names::Names;
use crate::calendar::Calendar;
use crate::engine::{AsOf, Progress, ReadModelError, ReadModels};
use crate::model::{Envelope, KindSet};

/// What it rests on.
const KINDS: KindSet = KindSet::of(&[
    EventKind::OrderPlaced,
    EventKind::EscrowFunded,
    EventKind::EscrowRefunded,
    EventKind::RefundIssued,
    EventKind::ChargebackClosed,
    EventKind::OrderShipped,
    EventKind::OrderDelivered,
    EventKind::ReturnRequested,
    EventKind::ExchangeRequested,
    EventKind::DisputeOpened,
    EventKind::DisputeRuled,
    EventKind::DisputeClosed,
    EventKind::ReviewPosted,
    EventKind::CommissionCharged,
    EventKind::CommissionReversed,
    EventKind::PlatformFeeCharged,
    EventKind::AdvertisingFeeCharged,
    EventKind::PenaltyCharged,
    EventKind::FeeWaived,
    EventKind::DepositRequired,
    EventKind::DepositPaid,
    EventKind::DepositPaidFromBalance,
    EventKind::DepositDeducted,
    EventKind::DepositRefunded,
    EventKind::DepositRestored,
    EventKind::InquiryOpened,
    EventKind::InquiryAnswered,
    EventKind::InquiryClosed,
    EventKind::ViolationRecorded,
]);

/// Most memory that it takes, bytes.
const MOST_BYTES: usize = 2 << 30;
/// Events between two looks at memory.
const EVERY: u64 = 65_536;

/// What became of orders and inquiries, interned; figures of service and after-sales are questions to it.
#[derive(Debug)]
pub struct Aftermath {
    pub(super) calendar: Calendar,
    /// Merchants, sales channels, agents, visitors and buyers by their numbers.
    pub(super) names: Names,
    known: HashMap<OrderId, u32, ahash::RandomState>,
    pub(super) orders: Vec<Fate>,
    pub(super) refunds: Vec<Refunded>,
    pub(super) reviews: Vec<Review>,
    open: HashMap<(u32, DisputeId), u32, ahash::RandomState>,
    pub(super) disputes: Vec<Dispute>,
    /// Commission and fees charged to merchants, less what was given back.
    pub(super) charges: Vec<Charge>,
    /// What each merchant must keep deposited from when on, and every change of what is there.
    pub(super) deposits: BTreeMap<u32, Vec<DepositChange>>,
    asked: HashMap<String, u32, ahash::RandomState>,
    pub(super) inquiries: Vec<Inquiry>,
    /// When an agent broke which rule of service.
    pub(super) violations: Vec<(Timestamp, u32, u32)>,
    /// What counts on its own day alone is not kept before this.
    since: Timestamp,
}

/// An order's fate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fate {
    pub merchant: u32,
    pub sales_channel: u32,
    pub buyer: u32,
    pub visitor: Option<u32>,
    /// The agent whom the order itself names.
    pub agent: Option<u32>,
    pub currency: Currency,
    pub placed_at: Timestamp,
    pub paid_at: Option<Timestamp>,
    pub paid: i64,
    pub ship_by: Option<Timestamp>,
    pub deliver_by: Option<Timestamp>,
    /// When the first piece left.
    pub shipped_at: Option<Timestamp>,
    shipments: u32,
    arrived: u32,
    /// When the last shipment arrived, once all have.
    pub delivered_at: Option<Timestamp>,
    pub returned: bool,
    pub exchanged: bool,
    /// What its disputes were about, a bit for each category.
    disputed: u16,
    /// What went back to the buyer before release and after.
    pub back_before: i64,
    pub back_after: i64,
}

/// Something went back to a buyer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refunded {
    pub at: Timestamp,
    pub order: u32,
    pub amount: i64,
}

/// A review; of a basket that never became an order it names none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Review {
    pub at: Timestamp,
    pub order: Option<u32>,
    pub overall: u8,
    pub service: Option<u8>,
}

/// A dispute.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dispute {
    pub order: u32,
    pub category: DisputeCategory,
    pub opened_at: Timestamp,
    pub ruled_for: Option<RuledFor>,
    pub closed_at: Option<Timestamp>,
}

/// What a merchant is charged, or given back below zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Charge {
    pub at: Timestamp,
    pub merchant: u32,
    pub sales_channel: Option<u32>,
    pub commission: bool,
    pub amount: Money,
}

/// A change of a deposit.
#[derive(Clone, Copy, Debug)]
pub(super) enum DepositChange {
    Required(Timestamp, Money),
    Held(Timestamp, Money),
}

/// An inquiry.
#[derive(Clone, Debug)]
pub(super) struct Inquiry {
    pub merchant: u32,
    pub visitor: Option<u32>,
    pub buyer: Option<u32>,
    /// Whom it was given to.
    pub given: Option<u32>,
    pub opened_at: Timestamp,
    /// Who answered, and when.
    pub answers: Vec<(Timestamp, u32)>,
    pub closed_at: Option<Timestamp>,
}

impl ReadModels {
    /// What questions about days from `since` on rest on: what became of all orders and inquiries, as of a moment. One pass
    /// over the journal; some 200 bytes of memory for each order of all time, and for each inquiry.
    ///
    /// # Errors
    /// [`ReadModelError`]; `BadQuestion` where it would take more than 2 GiB of memory.
    pub fn aftermath(
        &self,
        since: NaiveDate,
        at: AsOf,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Aftermath, ReadModelError> {
        let calendar = self.calendar()?;
        let mut aftermath = Aftermath::new(calendar, calendar.start_of(since));
        let (mut events, mut full) = (0u64, false);
        self.each_event(KINDS, at, progress, &mut |e| {
            aftermath.fold(e);
            events += 1;
            full = events.is_multiple_of(EVERY) && aftermath.bytes() > MOST_BYTES;
            if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if full {
            return Err(ReadModelError::BadQuestion(format!(
                "the orders and inquiries that this rests on take more than {} MiB of memory: ask as of an earlier day",
                MOST_BYTES >> 20
            )));
        }
        Ok(aftermath)
    }
}

/// The bit of a category.
fn bit(category: DisputeCategory) -> u16 {
    1 << category as u16
}

impl Fate {
    /// What its disputes were about.
    pub fn disputed(&self) -> impl Iterator<Item = DisputeCategory> + use<> {
        let disputed = self.disputed;
        DisputeCategory::ALL.iter().copied().filter(move |category| disputed & bit(*category) != 0)
    }
}

impl Aftermath {
    /// Bytes of memory that it takes, about.
    fn bytes(&self) -> usize {
        let orders = self.orders.capacity() * size_of::<Fate>();
        let known = self.known.capacity() * (size_of::<(OrderId, u32)>() + 1);
        let refunds = self.refunds.capacity() * size_of::<Refunded>();
        let reviews = self.reviews.capacity() * size_of::<Review>();
        let disputes = self.disputes.capacity() * (size_of::<Dispute>() + size_of::<(u32, DisputeId, u32)>());
        let charges = self.charges.capacity() * size_of::<Charge>();
        // with the name of its stream, and its answers
        let inquiries = self.inquiries.capacity() * (size_of::<Inquiry>() + 160);
        self.names.bytes() + orders + known + refunds + reviews + disputes + charges + inquiries
    }

    pub(super) fn new(calendar: Calendar, since: Timestamp) -> Self {
        Self {
            calendar,
            names: Names::default(),
            known: HashMap::default(),
            orders: Vec::new(),
            refunds: Vec::new(),
            reviews: Vec::new(),
            open: HashMap::default(),
            disputes: Vec::new(),
            charges: Vec::new(),
            deposits: BTreeMap::new(),
            asked: HashMap::default(),
            inquiries: Vec::new(),
            violations: Vec::new(),
            since,
        }
    }

    /// The currencies that orders were paid in, sorted.
    #[must_use]
    pub fn currencies(&self) -> Vec<Currency> {
        let paid = self.orders.iter().filter(|order| order.paid_at.is_some());
        let mut all: Vec<Currency> = paid.map(|order| order.currency).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The currencies other than this one that merchants were charged in: a question in it leaves those charges out.
    #[must_use]
    pub fn also_charged_in(&self, asked: Currency) -> Vec<Currency> {
        let others = self.charges.iter().map(|charge| charge.amount.currency).filter(|of| *of != asked);
        others.collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn fold(&mut self, e: &Envelope<'_>) {
        let at = Timestamp(e.occurred_at);
        match e.event {
            Event::InquiryOpened(_)
            | Event::InquiryAnswered(_)
            | Event::InquiryClosed(_)
            | Event::ViolationRecorded(_) => self.inquire(at, e),
            Event::DepositRequired(_)
            | Event::DepositPaid(_)
            | Event::DepositPaidFromBalance(_)
            | Event::DepositDeducted(_)
            | Event::DepositRefunded(_)
            | Event::DepositRestored(_) => self.deposit(at, e),
            Event::PlatformFeeCharged(account::PlatformFeeCharged { amount, .. })
            | Event::AdvertisingFeeCharged(account::AdvertisingFeeCharged { amount, .. })
            | Event::PenaltyCharged(account::PenaltyCharged { amount, .. }) => self.charge(at, e, *amount, 1),
            Event::FeeWaived(waived) => self.charge(at, e, waived.amount, -1),
            _ => self.order(at, e),
        }
    }

    fn order(&mut self, at: Timestamp, e: &Envelope<'_>) {
        if let Event::OrderPlaced(order) = e.event {
            let Some(id) = e.refs.order else { return };
            let promise = order.promise.as_ref();
            let fate = Fate {
                merchant: self.merchant(order.merchant),
                sales_channel: self.names.number(order.sales_channel.as_str()),
                buyer: self.buyer(order.buyer),
                visitor: order.visitor.map(|visitor| self.visitor(visitor)),
                agent: order.agent.map(|agent| self.names.number(agent.as_str())),
                currency: order.total.currency,
                placed_at: at,
                paid_at: None,
                paid: 0,
                ship_by: promise.and_then(|promise| promise.ship_by),
                deliver_by: promise.and_then(|promise| promise.deliver_by),
                shipped_at: None,
                shipments: 0,
                arrived: 0,
                delivered_at: None,
                returned: false,
                exchanged: false,
                disputed: 0,
                back_before: 0,
                back_after: 0,
            };
            self.known.insert(id, number_of(&self.orders));
            self.orders.push(fate);
            return;
        }
        let known = e.refs.order.and_then(|order| self.known.get(&order).copied());
        if let Event::ReviewPosted(review) = e.event {
            let (overall, service) = (review.overall, review.service);
            self.reviews.push(Review { at, order: known, overall, service });
            return;
        }
        let Some(number) = known else { return };
        let fate = &mut self.orders[number as usize];
        match e.event {
            Event::EscrowFunded(funded) => {
                let paid = funded.parts.iter().fold(0i64, |sum, part| sum.saturating_add(part.amount.minor));
                fate.paid_at = fate.paid_at.or(Some(at));
                fate.paid = fate.paid.saturating_add(paid);
            }
            Event::EscrowRefunded(refund) => self.refund(at, number, refund.to_buyer, true),
            Event::RefundIssued(refund) => self.refund(at, number, refund.to_buyer, false),
            // what a bank took back is back with the buyer
            Event::ChargebackClosed(closed) if closed.outcome == ChargebackOutcome::Lost => {
                if let Some(taken) = &closed.from_escrow {
                    self.refund(at, number, taken.to_buyer, true);
                }
                closed.borne_by.iter().for_each(|share| self.refund(at, number, share.to_buyer, false));
            }
            Event::OrderShipped(_) => {
                fate.shipments += 1;
                fate.shipped_at = fate.shipped_at.or(Some(at));
            }
            Event::OrderDelivered(_) => {
                fate.arrived += 1;
                fate.delivered_at = (fate.arrived >= fate.shipments).then_some(at);
            }
            Event::ReturnRequested(_) => fate.returned = true,
            Event::ExchangeRequested(_) => fate.exchanged = true,
            Event::DisputeOpened(opened) => {
                fate.disputed |= bit(opened.category);
                if at < self.since {
                    return;
                }
                self.open.insert((number, opened.dispute), number_of(&self.disputes));
                let category = opened.category;
                let dispute =
                    Dispute { order: number, category, opened_at: at, ruled_for: None, closed_at: None };
                self.disputes.push(dispute);
            }
            Event::DisputeRuled(ruled) => {
                self.dispute((number, ruled.dispute), |dispute| dispute.ruled_for = Some(ruled.r#for));
            }
            Event::DisputeClosed(closed) => {
                self.dispute((number, closed.dispute), |dispute| dispute.closed_at = Some(at));
            }
            Event::CommissionCharged(charged) => {
                self.commission(at, number, charged.amount, 1);
            }
            Event::CommissionReversed(reversed) => {
                self.commission(at, number, reversed.amount, -1);
            }
            _ => {}
        }
    }

    fn refund(&mut self, at: Timestamp, order: u32, to_buyer: Money, before: bool) {
        let fate = &mut self.orders[order as usize];
        let back = if before { &mut fate.back_before } else { &mut fate.back_after };
        *back = back.saturating_add(to_buyer.minor);
        if at >= self.since {
            self.refunds.push(Refunded { at, order, amount: to_buyer.minor });
        }
    }

    fn dispute(&mut self, id: (u32, DisputeId), change: impl FnOnce(&mut Dispute)) {
        let known = self.open.get(&id).and_then(|at| self.disputes.get_mut(*at as usize));
        if let Some(dispute) = known {
            change(dispute);
        }
    }

    fn commission(&mut self, at: Timestamp, order: u32, amount: Money, sign: i64) {
        let Fate { merchant, sales_channel, .. } = self.orders[order as usize];
        if at < self.since {
            return;
        }
        let amount = Money::new(amount.minor.saturating_mul(sign), amount.currency);
        let charge = Charge { at, merchant, sales_channel: Some(sales_channel), commission: true, amount };
        self.charges.push(charge);
    }

    fn charge(&mut self, at: Timestamp, e: &Envelope<'_>, amount: Money, sign: i64) {
        let Some(merchant) = e.refs.merchant.filter(|_| at >= self.since) else { return };
        let merchant = self.merchant(merchant);
        let amount = Money::new(amount.minor.saturating_mul(sign), amount.currency);
        self.charges.push(Charge { at, merchant, sales_channel: None, commission: false, amount });
    }

    fn deposit(&mut self, at: Timestamp, e: &Envelope<'_>) {
        let Some(merchant) = e.refs.merchant else { return };
        let less = |amount: Money| Money::new(amount.minor.saturating_neg(), amount.currency);
        let change = match e.event {
            Event::DepositRequired(of) => DepositChange::Required(at, of.amount),
            Event::DepositPaid(of) => DepositChange::Held(at, of.amount),
            Event::DepositPaidFromBalance(of) => DepositChange::Held(at, of.amount),
            Event::DepositRestored(of) => DepositChange::Held(at, of.amount),
            Event::DepositDeducted(of) => DepositChange::Held(at, less(of.amount)),
            Event::DepositRefunded(of) => DepositChange::Held(at, less(of.amount)),
            _ => return,
        };
        let merchant = self.merchant(merchant);
        self.deposits.entry(merchant).or_default().push(change);
    }

    fn inquire(&mut self, at: Timestamp, e: &Envelope<'_>) {
        if let Event::ViolationRecorded(violation) = e.event {
            let agent = self.names.number(violation.agent.as_str());
            let rule = self.names.number(violation.rule.as_str());
            self.violations.push((at, agent, rule));
            return;
        }
        if let Event::InquiryOpened(opened) = e.event {
            let inquiry = Inquiry {
                merchant: self.merchant(opened.merchant),
                visitor: opened.visitor.map(|visitor| self.visitor(visitor)),
                buyer: opened.buyer.map(|buyer| self.buyer(buyer)),
                given: opened.agent.map(|agent| self.names.number(agent.as_str())),
                opened_at: at,
                answers: Vec::new(),
                closed_at: None,
            };
            self.asked.insert(e.stream.to_owned(), number_of(&self.inquiries));
            self.inquiries.push(inquiry);
            return;
        }
        let known = self.asked.get(e.stream).and_then(|at| self.inquiries.get_mut(*at as usize));
        let Some(inquiry) = known else { return };
        match e.event {
            Event::InquiryAnswered(answer) => {
                inquiry.answers.push((at, self.names.number(answer.agent.as_str())));
            }
            Event::InquiryClosed(_) => inquiry.closed_at = Some(at),
            _ => {}
        }
    }

    fn merchant(&mut self, id: MerchantId) -> u32 {
        self.names.number(id.as_str())
    }

    fn visitor(&mut self, id: VisitorId) -> u32 {
        self.names.number(id.as_str())
    }

    fn buyer(&mut self, id: BuyerId) -> u32 {
        self.names.number(id.as_str())
    }
}
