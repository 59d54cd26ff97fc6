//! What became of orders: shipped, delivered, sent back, refunded, disputed, reviewed; who asked before and who answered.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use daybook_domain::account::events as account;
use daybook_domain::order::events::{DisputeCategory, RuledFor};
use daybook_domain::{
    BuyerId, Currency, DisputeId, Event, EventKind, MerchantId, Money, OrderId, Timestamp, VisitorId,
};
use hashbrown::HashMap;

use super::Days;
use super::fates::{Fate, Placed};
use super::history::number_of;
use super::most::{Memory, Most};
use super::names::Names;
use crate::calendar::Calendar;
use crate::engine::{AsOf, Events, Progress, ReadModelError, ReadModels};
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
    EventKind::OrderCompleted,
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

/// What became of orders and inquiries, interned; figures of service and after-sales are questions to it.
#[derive(Debug)]
pub struct Aftermath {
    pub(super) calendar: Calendar,
    /// Merchants, sales channels, agents, visitors and buyers by their numbers.
    pub(super) names: Names,
    known: HashMap<OrderId, u32, ahash::RandomState>,
    pub(super) orders: Vec<Placed>,
    /// What became of each; of one that was over before `since`, nothing that counts.
    fates: Vec<Option<Box<Fate>>>,
    /// How many of them are kept.
    unfinished: usize,
    /// The currencies that orders were paid in.
    paid_in: BTreeSet<Currency>,
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
    /// over the journal; some 250 bytes of memory for each order that was not over before them and 80 for each that was, some
    /// 250 for each inquiry of all time.
    ///
    /// # Errors
    /// [`ReadModelError`]; `BadQuestion` where it would take more than 2 GiB of memory.
    pub fn aftermath(
        &self,
        since: NaiveDate,
        at: AsOf,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Aftermath, ReadModelError> {
        Aftermath::read(&self.events(at), self.calendar()?, since, progress)
    }
}

impl Aftermath {
    /// As [`ReadModels::aftermath`], of any events.
    ///
    /// # Errors
    /// [`ReadModelError`]; `BadQuestion` where it would take more than 2 GiB of memory.
    pub fn read(
        events: &dyn Events,
        calendar: Calendar,
        since: NaiveDate,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, ReadModelError> {
        let mut aftermath = Self::new(calendar, calendar.start_of(since));
        let mut memory = Memory::of(Most::default());
        events.visit_happened(KINDS, progress, &mut |e| {
            aftermath.fold(e);
            memory.took(|| aftermath.bytes())
        })?;
        let what = "the orders and inquiries that this rests on";
        memory.end(aftermath.bytes(), what, "ask as of an earlier day")?;
        Ok(aftermath)
    }
}

impl Aftermath {
    /// Bytes of memory that it takes, about.
    fn bytes(&self) -> usize {
        let orders = self.orders.capacity() * size_of::<(Placed, Option<Box<Fate>>)>()
            + self.unfinished * (size_of::<Fate>() + size_of::<usize>() * 2);
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
            fates: Vec::new(),
            unfinished: 0,
            paid_in: BTreeSet::new(),
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
        self.paid_in.iter().copied().collect()
    }

    /// The currencies other than this one that merchants, or one of them, were charged in on some days: a question in it
    /// leaves those charges out.
    #[must_use]
    pub fn also_charged_in(&self, days: Days, asked: Currency, merchant: Option<&str>) -> Vec<Currency> {
        let only = merchant.map(|merchant| self.names.known(merchant));
        let left_out = |charge: &&Charge| {
            charge.amount.currency != asked
                && only.is_none_or(|only| only == Some(charge.merchant))
                && (days.from..=days.to).contains(&self.calendar.day(charge.at))
        };
        let others = self.charges.iter().filter(left_out).map(|charge| charge.amount.currency);
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
            let placed = Placed {
                merchant: self.merchant(order.merchant),
                sales_channel: self.names.number(order.sales_channel.as_str()),
                currency: order.total.currency,
            };
            let who = (
                self.buyer(order.buyer),
                order.visitor.map(|visitor| self.visitor(visitor)),
                order.agent.map(|agent| self.names.number(agent.as_str())),
            );
            self.known.insert(id, number_of(&self.orders));
            self.orders.push(placed);
            self.unfinished += 1;
            self.fates.push(Some(Box::new(Fate::begin(at, order, placed, who))));
            return;
        }
        let known = e.refs.order.and_then(|order| self.known.get(&order).copied());
        if let Event::ReviewPosted(review) = e.event {
            let (overall, service) = (review.overall, review.service);
            self.reviews.push(Review { at, order: known, overall, service });
            return;
        }
        let Some(number) = known else { return };
        match e.event {
            Event::EscrowRefunded(refund) => self.refund(at, number, refund.to_buyer, true),
            Event::RefundIssued(refund) => self.refund(at, number, refund.to_buyer, false),
            // what a bank took back is back with the buyer
            Event::ChargebackClosed(closed) => {
                let Some((of_escrow, borne)) = closed.to_buyer() else { return };
                self.refund(at, number, of_escrow, true);
                self.refund(at, number, borne, false);
            }
            Event::DisputeOpened(opened) => {
                self.follow(number, |fate| fate.dispute(opened.category));
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
            event => self.go_on(at, number, event),
        }
    }

    fn go_on(&mut self, at: Timestamp, number: u32, event: &Event) {
        if let Event::EscrowFunded(_) = event {
            self.paid_in.insert(self.orders[number as usize].currency);
        }
        let since = self.since;
        let Some(slot) = self.fates.get_mut(number as usize) else { return };
        let Some(fate) = slot else { return };
        match event {
            Event::EscrowFunded(funded) => {
                fate.paid_at = fate.paid_at.or(Some(at));
                fate.paid = fate.paid.saturating_add(funded.paid().minor);
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
            // nothing more is shipped after that
            Event::OrderCompleted(_) if fate.is_before(since) => {
                *slot = None;
                self.unfinished -= 1;
            }
            _ => {}
        }
    }

    /// Changes an order's fate, where it may still count.
    fn follow(&mut self, number: u32, change: impl FnOnce(&mut Fate)) {
        if let Some(Some(fate)) = self.fates.get_mut(number as usize) {
            change(fate);
        }
    }

    /// The orders that may count, by their numbers.
    pub(super) fn followed(&self) -> impl Iterator<Item = (u32, &Fate)> {
        (0u32..).zip(&self.fates).filter_map(|(number, fate)| Some((number, fate.as_deref()?)))
    }

    fn refund(&mut self, at: Timestamp, order: u32, to_buyer: Money, before: bool) {
        self.follow(order, |fate| {
            let back = if before { &mut fate.back_before } else { &mut fate.back_after };
            *back = back.saturating_add(to_buyer.minor);
        });
        if at >= self.since && !to_buyer.is_zero() {
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
        let Placed { merchant, sales_channel, .. } = self.orders[order as usize];
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
