//! A merchant's orders with what went back and was disputed, folded from their own events.

use std::collections::{BTreeMap, HashMap, HashSet};

use daybook_domain::allocate;
use daybook_domain::order::events::{Bearer, ChargebackOutcome, OrderPlaced, RefundShare};
use daybook_domain::provider::events::{MatchReason, StatementLineMatched};
use daybook_domain::time::DAY;
use daybook_domain::{BuyerId, CheckoutId, Currency, Event, Money, OrderId, Timestamp, VisitorId};
use daybook_packs::{Dispute, Elsewhere, Item, Minor, Order, PackError, Refund};

use super::cases::Cases;
use super::goods::Goods;
use super::{Cut, LoanPackError, Numbers, nothing_in};
use crate::Calendar;

/// How far back an order's visitor is looked for.
const LOOK_BACK: i64 = 30 * DAY;

/// What is known of things by their ids.
type Known<K, V> = HashMap<K, V, ahash::RandomState>;

/// Orders so far.
pub(super) struct Orders {
    calendar: Calendar,
    cut: Cut,
    currency: Currency,
    places: Known<OrderId, usize>,
    checkouts: Known<CheckoutId, Vec<usize>>,
    /// Each by itself: growing, a vector would copy all that is known so far.
    #[expect(clippy::vec_box, reason = "a draft has hundreds of bytes")]
    drafts: Vec<Box<Draft>>,
    /// The first day on which each buyer paid.
    since: Known<BuyerId, Timestamp>,
    /// When each terminal saw a page of the merchant, as far back as any order of the days could ask.
    views: Known<VisitorId, Vec<Timestamp>>,
    /// The first payment, and its currency.
    first_sale: Option<(Timestamp, Currency)>,
}

/// An order so far.
struct Draft {
    buyer: BuyerId,
    /// The currency; of orders of another than the pack's only sums are told.
    currency: Currency,
    visitor: Option<VisitorId>,
    order: Order,
    items: Vec<Item>,
    weights: Vec<i64>,
    refunds: Vec<Refund>,
    cases: Cases,
    goods: Goods,
    /// Whether anything happened within the days.
    within: bool,
}

/// What the pack has of them.
pub(super) struct Drawn {
    pub orders: Vec<Order>,
    pub items: Vec<Item>,
    pub refunds: Vec<Refund>,
    pub disputes: Vec<Dispute>,
    /// Sums of other currencies.
    pub elsewhere: BTreeMap<Currency, Elsewhere>,
    /// The first payment, and its currency.
    pub first_sale: Option<(Timestamp, Currency)>,
    /// The terminals that the orders were placed from.
    pub terminals: HashSet<VisitorId, ahash::RandomState>,
}

impl Orders {
    pub(super) fn new(calendar: Calendar, cut: Cut, currency: Currency) -> Self {
        Self {
            calendar,
            cut,
            currency,
            places: Known::default(),
            checkouts: Known::default(),
            drafts: Vec::new(),
            since: Known::default(),
            views: Known::default(),
            first_sale: None,
        }
    }

    /// A line of a provider's statement is a payment of some checkout.
    pub(super) fn matched(&mut self, matched: &StatementLineMatched) {
        // the same amount near in time speaks for no payment in particular
        if !matches!(matched.reason, MatchReason::Reference | MatchReason::ReferenceSum) {
            return;
        }
        for entry in matched.entries.iter().filter(|entry| entry.kind.as_str() == "PaymentCaptured") {
            let checkout =
                entry.stream.strip_prefix("checkout-").and_then(|id| id.parse::<CheckoutId>().ok());
            for place in checkout.and_then(|id| self.checkouts.get(&id)).into_iter().flatten() {
                let digest: String = matched.digest.as_str().chars().take(16).collect();
                self.drafts[*place].order.statement.get_or_insert(digest);
            }
        }
    }

    /// A terminal was shown a page of the merchant.
    pub(super) fn viewed(&mut self, visitor: VisitorId, at: Timestamp) {
        if self.cut.from.plus(-2 * LOOK_BACK) <= at && at <= self.cut.to {
            self.views.entry(visitor).or_default().push(at);
        }
    }

    /// Takes an event of an order, and when the account has it, where that is by the last day.
    pub(super) fn see(
        &mut self,
        id: OrderId,
        event: &Event,
        at: Timestamp,
        booked_at: Option<Timestamp>,
    ) -> Result<(), LoanPackError> {
        if let Event::OrderPlaced(e) = event {
            return self.place(id, e, at);
        }
        let Some(place) = self.places.get(&id).copied() else { return Ok(()) };
        let draft = &mut self.drafts[place];
        draft.within |= at >= self.cut.from;
        if let Event::EscrowFunded(e) = event {
            let paid = sum(e.parts.iter().map(|part| part.amount))?;
            let subsidy = sum(e.subsidies.iter().map(|subsidy| subsidy.amount))?;
            draft.fund(at, paid, e.shortfall.minor, subsidy)?;
            let since = self.since.entry(draft.buyer).or_insert(at);
            *since = (*since).min(at);
            if self.first_sale.is_none_or(|(first, _)| at < first) {
                self.first_sale = Some((at, draft.currency));
            }
        } else {
            draft.see(event, at, booked_at)?;
        }
        Ok(())
    }

    fn place(&mut self, id: OrderId, e: &OrderPlaced, at: Timestamp) -> Result<(), LoanPackError> {
        let name = id.to_string();
        let (mut items, mut weights) = (Vec::with_capacity(e.lines.len()), Vec::with_capacity(e.lines.len()));
        let (mut pieces, mut goods, mut discount) = (0u32, 0i64, 0i64);
        for line in &e.lines {
            let worth = line
                .unit_price
                .times(line.quantity)
                .and_then(|all| all.sub(line.discount))
                .map_err(beyond)?;
            pieces = pieces.saturating_add(line.quantity);
            goods = goods.checked_add(worth.minor).ok_or_else(overflow)?;
            discount = discount.checked_add(line.discount.minor).ok_or_else(overflow)?;
            weights.push(sum([worth, line.shipping, line.tax].into_iter())?);
            items.push(Item {
                order: name.clone(),
                line: line.line.to_string(),
                product: line.product.to_string(),
                category: line.category.to_string(),
                quantity: line.quantity,
                goods: Minor(worth.minor),
                paid: Minor(0),
            });
        }
        let promise = e.promise.as_ref();
        let order = Order {
            order: name,
            buyer: 0,
            buyer_since: None,
            terminal: None,
            placed_at: at,
            sales_channel: e.sales_channel.to_string(),
            pieces,
            goods: Minor(goods),
            discount: Minor(discount),
            shipping: Minor(e.shipping.minor),
            tax: Minor(e.tax.as_ref().map_or(0, |tax| tax.amount.minor)),
            promoted: e.campaign.is_some() || e.coupon.is_some() || e.group.is_some(),
            paid_at: None,
            paid: Minor(0),
            shortfall: Minor(0),
            subsidy: Minor(0),
            ship_by: promise.and_then(|promise| promise.ship_by),
            deliver_by: promise.and_then(|promise| promise.deliver_by),
            shipped_at: None,
            shipped_all_at: None,
            delivered_at: None,
            received_at: None,
            received_by: None,
            cancelled_at: None,
            returned: false,
            exchanged: false,
            reviews: 0,
            reviews_good: 0,
            views: 0,
            traffic: None,
            tracked: 0,
            statement: None,
        };
        self.checkouts.entry(e.checkout).or_default().push(self.drafts.len());
        self.places.insert(id, self.drafts.len());
        self.drafts.push(Box::new(Draft {
            buyer: e.buyer,
            currency: e.total.currency,
            visitor: e.visitor,
            order,
            items,
            weights,
            refunds: Vec::new(),
            cases: Cases::default(),
            goods: Goods::default(),
            within: at >= self.cut.from,
        }));
        Ok(())
    }

    pub(super) fn finish(mut self) -> Drawn {
        let mut drawn = Drawn {
            orders: Vec::with_capacity(self.drafts.len()),
            items: Vec::with_capacity(self.drafts.iter().map(|draft| draft.items.len()).sum()),
            refunds: Vec::new(),
            disputes: Vec::new(),
            elsewhere: BTreeMap::new(),
            first_sale: self.first_sale,
            terminals: HashSet::default(),
        };
        self.views.values_mut().for_each(|views| views.sort_unstable());
        let (mut buyers, mut terminals) = (Numbers::new(), Numbers::new());
        for mut draft in self.drafts {
            if draft.currency != self.currency {
                let row = drawn.elsewhere.entry(draft.currency).or_insert_with(|| nothing_in(draft.currency));
                draft.add_to(row, self.cut);
                continue;
            }
            // what is still open is told, however old
            let open = draft.cases.disputes.iter().any(|dispute| dispute.decided_at.is_none());
            if !draft.within && !open {
                continue;
            }
            if let Some(views) = draft.visitor.and_then(|visitor| self.views.get(&visitor)) {
                let placed = draft.order.placed_at;
                let (first, after) = (placed.plus(-LOOK_BACK), placed);
                let before =
                    views.partition_point(|at| *at <= after) - views.partition_point(|at| *at < first);
                if first >= self.cut.from.plus(-2 * LOOK_BACK) {
                    draft.order.views = u32::try_from(before).unwrap_or(u32::MAX);
                }
            }
            drawn.terminals.extend(draft.visitor);
            draft.order.terminal = draft.visitor.map(|visitor| terminals.of(visitor));
            draft.order.buyer = buyers.of(draft.buyer);
            draft.order.buyer_since = self.since.get(&draft.buyer).map(|at| self.calendar.day(*at));
            drawn.orders.push(draft.order);
            drawn.items.extend(draft.items);
            drawn.refunds.extend(draft.refunds);
            drawn.disputes.extend(draft.cases.disputes);
        }
        drawn
    }
}

impl Draft {
    fn fund(&mut self, at: Timestamp, paid: i64, shortfall: i64, subsidy: i64) -> Result<(), LoanPackError> {
        self.order.paid_at.get_or_insert(at);
        self.order.paid.0 = self.order.paid.0.checked_add(paid).ok_or_else(overflow)?;
        self.order.shortfall.0 = self.order.shortfall.0.checked_add(shortfall).ok_or_else(overflow)?;
        self.order.subsidy.0 = self.order.subsidy.0.checked_add(subsidy).ok_or_else(overflow)?;
        // of an order that is worth nothing nothing was paid
        if let Ok(parts) = allocate(self.order.paid.0, &self.weights) {
            self.items.iter_mut().zip(parts).for_each(|(item, part)| item.paid = Minor(part));
        }
        Ok(())
    }

    fn see(
        &mut self,
        event: &Event,
        at: Timestamp,
        booked_at: Option<Timestamp>,
    ) -> Result<(), LoanPackError> {
        let order = &mut self.order;
        match event {
            Event::OrderCancelled(e) => self.goods.cancelled(order, &e.lines, at),
            Event::OrderShipped(e) => {
                order.tracked += u32::from(e.tracking.is_some());
                self.goods.shipped(order, e.shipment, &e.lines, at);
            }
            Event::OrderDelivered(e) => self.goods.arrived(order, e.shipment, at),
            Event::ReceiptConfirmed(e) => {
                order.received_at.get_or_insert(at);
                order.received_by.get_or_insert_with(|| e.by.to_string());
            }
            Event::ReturnRequested(_) => order.returned = true,
            Event::ExchangeRequested(_) => order.exchanged = true,
            Event::ReviewPosted(e) => {
                order.reviews += 1;
                order.reviews_good += u32::from(e.overall >= 4);
            }
            Event::EscrowRefunded(e) => {
                let mut refund = self.refund(at, booked_at, e.refund.as_str());
                refund.dispute = e.dispute.map(|id| id.to_string());
                refund.to_buyer = Minor(e.to_buyer.minor);
                self.give(refund);
            }
            Event::RefundIssued(e) => {
                let mut refund = self.refund(at, booked_at, e.refund.as_str());
                refund.dispute = e.dispute.map(|id| id.to_string());
                self.share(&refund, &e.borne_by)?;
            }
            Event::ChargebackClosed(e) if e.outcome == ChargebackOutcome::Lost => {
                let mut refund = self.refund(at, booked_at, e.chargeback.as_str());
                "chargeback".clone_into(&mut refund.cause);
                if let Some(taken) = &e.from_escrow {
                    self.give(Refund { to_buyer: Minor(taken.to_buyer.minor), ..refund.clone() });
                }
                self.share(&refund, &e.borne_by)?;
                self.cases.decide(e.chargeback.as_str(), Some(at), Some("buyer"), e.amount.minor);
            }
            _ => self.cases.see(&order.order, event, at),
        }
        Ok(())
    }

    /// A refund that escrow bears, so far.
    fn refund(&self, at: Timestamp, booked_at: Option<Timestamp>, id: &str) -> Refund {
        Refund {
            order: self.order.order.clone(),
            refund: id.to_owned(),
            at,
            cause: "refund".to_owned(),
            borne_by: "escrow".to_owned(),
            to_buyer: Minor(0),
            dispute: None,
            bore: Minor(0),
            booked_at,
        }
    }

    /// What each bearer gives.
    fn share(&mut self, refund: &Refund, shares: &[RefundShare]) -> Result<(), LoanPackError> {
        for share in shares {
            // of what the deposit bears, the account has the tax that comes back
            let gross = if share.by == Bearer::Merchant { share.gross.minor } else { 0 };
            let tax = share.tax_back.as_ref().filter(|_| share.by != Bearer::Platform);
            let bore = gross.checked_sub(tax.map_or(0, |tax| tax.amount.minor)).ok_or_else(overflow)?;
            let borne_by = share.by.as_str().to_owned();
            self.give(Refund {
                borne_by,
                to_buyer: Minor(share.to_buyer.minor),
                bore: Minor(bore),
                ..refund.clone()
            });
        }
        Ok(())
    }

    fn give(&mut self, refund: Refund) {
        if let Some(id) = &refund.dispute {
            self.cases.gave(id, refund.to_buyer);
        }
        if refund.to_buyer.0 != 0 || refund.bore.0 != 0 {
            self.refunds.push(refund);
        }
    }

    /// Adds an order of another currency to its sums.
    fn add_to(&self, row: &mut Elsewhere, cut: Cut) {
        let within = |at: Timestamp| cut.from <= at && at <= cut.to;
        if self.order.paid_at.is_some_and(within) {
            row.orders += 1;
            row.paid.minor = row.paid.minor.saturating_add(self.order.paid.0);
        }
        for refund in self.refunds.iter().filter(|refund| within(refund.at)) {
            row.refunded.minor = row.refunded.minor.saturating_add(refund.to_buyer.0);
        }
        for open in self.cases.disputes.iter().filter(|dispute| dispute.decided_at.is_none()) {
            let sum = if open.kind == "chargeback" { &mut row.chargebacks } else { &mut row.disputes };
            sum.minor = sum.minor.saturating_add(open.claim.0);
        }
    }
}

fn sum(amounts: impl Iterator<Item = Money>) -> Result<i64, LoanPackError> {
    let mut amounts = amounts;
    amounts.try_fold(0i64, |sum, amount| sum.checked_add(amount.minor)).ok_or_else(overflow)
}

fn overflow() -> LoanPackError {
    PackError::Overflow("the worth of an order").into()
}

fn beyond(_: daybook_domain::MoneyError) -> LoanPackError {
    overflow()
}
