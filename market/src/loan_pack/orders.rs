//! A merchant's orders with what went back and was disputed, folded from their own events.

use std::collections::HashMap;

use daybook_domain::allocate;
use daybook_domain::order::events::{ChargebackOutcome, DisputeParty, OrderPlaced, RuledFor};
use daybook_domain::provider::events::StatementLineMatched;
use daybook_domain::time::DAY;
use daybook_domain::{BuyerId, CheckoutId, Currency, Event, Money, OrderId, Timestamp, VisitorId};
use daybook_packs::{Dispute, Item, Minor, Order, PackError, Refund};

use super::{Cut, LoanPackError, Numbers};
use crate::Calendar;

/// How far back an order's visitor is looked for.
const LOOK_BACK: i64 = 30 * DAY;

/// Orders so far.
pub(super) struct Orders {
    calendar: Calendar,
    cut: Cut,
    currency: Currency,
    places: HashMap<OrderId, usize>,
    checkouts: HashMap<CheckoutId, Vec<usize>>,
    drafts: Vec<Draft>,
    /// The first day on which each buyer paid.
    since: HashMap<BuyerId, Timestamp>,
    /// When each terminal saw a page of the merchant.
    views: HashMap<VisitorId, Vec<Timestamp>>,
    in_other_currencies: u64,
}

/// An order so far.
struct Draft {
    buyer: BuyerId,
    visitor: Option<VisitorId>,
    order: Order,
    items: Vec<Item>,
    weights: Vec<i64>,
    refunds: Vec<Refund>,
    disputes: Vec<Dispute>,
    /// Who appealed the last ruling of each dispute.
    appealed: HashMap<String, DisputeParty>,
    openers: HashMap<String, DisputeParty>,
    cancelled: u64,
    shipments: u32,
    arrived: u32,
    /// Whether anything happened within the days.
    within: bool,
}

/// What the pack has of them.
pub(super) struct Drawn {
    pub orders: Vec<Order>,
    pub items: Vec<Item>,
    pub refunds: Vec<Refund>,
    pub disputes: Vec<Dispute>,
    pub in_other_currencies: u64,
}

impl Orders {
    pub(super) fn new(calendar: Calendar, cut: Cut, currency: Currency) -> Self {
        Self {
            calendar,
            cut,
            currency,
            places: HashMap::new(),
            checkouts: HashMap::new(),
            drafts: Vec::new(),
            since: HashMap::new(),
            views: HashMap::new(),
            in_other_currencies: 0,
        }
    }

    /// A line of a provider's statement is a payment of some checkout.
    pub(super) fn matched(&mut self, matched: &StatementLineMatched) {
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
        self.views.entry(visitor).or_default().push(at);
    }

    pub(super) fn see(&mut self, id: OrderId, event: &Event, at: Timestamp) -> Result<(), LoanPackError> {
        if let Event::OrderPlaced(e) = event {
            if e.total.currency == self.currency {
                self.place(id, e, at)?;
            } else if at >= self.cut.from {
                self.in_other_currencies += 1;
            }
            return Ok(());
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
        } else {
            draft.see(event, at)?;
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
            delivered_at: None,
            received_at: None,
            received_by: None,
            cancelled_at: None,
            returned: false,
            exchanged: false,
            reviews: 0,
            reviews_good: 0,
            views: 0,
            tracked: 0,
            statement: None,
        };
        self.checkouts.entry(e.checkout).or_default().push(self.drafts.len());
        self.places.insert(id, self.drafts.len());
        self.drafts.push(Draft {
            buyer: e.buyer,
            visitor: e.visitor,
            order,
            items,
            weights,
            refunds: Vec::new(),
            disputes: Vec::new(),
            appealed: HashMap::new(),
            openers: HashMap::new(),
            cancelled: 0,
            shipments: 0,
            arrived: 0,
            within: at >= self.cut.from,
        });
        Ok(())
    }

    pub(super) fn finish(self) -> Drawn {
        let mut drawn = Drawn {
            orders: Vec::new(),
            items: Vec::new(),
            refunds: Vec::new(),
            disputes: Vec::new(),
            in_other_currencies: self.in_other_currencies,
        };
        let mut buyers = Numbers::new();
        for mut draft in self.drafts {
            // what is still open is told, however old
            let open = draft.disputes.iter().any(|dispute| dispute.decided_at.is_none());
            if !draft.within && !open {
                continue;
            }
            if let Some(views) = draft.visitor.and_then(|visitor| self.views.get(&visitor)) {
                let placed = draft.order.placed_at;
                let before =
                    views.iter().filter(|at| placed.plus(-LOOK_BACK) <= **at && **at <= placed).count();
                draft.order.views = u32::try_from(before).unwrap_or(u32::MAX);
            }
            draft.order.buyer = buyers.of(draft.buyer);
            draft.order.buyer_since = self.since.get(&draft.buyer).map(|at| self.calendar.day(*at));
            drawn.orders.push(draft.order);
            drawn.items.extend(draft.items);
            drawn.refunds.extend(draft.refunds);
            drawn.disputes.extend(draft.disputes);
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

    fn see(&mut self, event: &Event, at: Timestamp) -> Result<(), LoanPackError> {
        let order = &mut self.order;
        match event {
            Event::OrderCancelled(e) => {
                self.cancelled += e.lines.iter().map(|line| u64::from(line.quantity)).sum::<u64>();
                if self.cancelled >= u64::from(order.pieces) {
                    order.cancelled_at.get_or_insert(at);
                }
            }
            Event::OrderShipped(e) => {
                self.shipments += 1;
                order.shipped_at.get_or_insert(at);
                order.tracked += u32::from(e.tracking.is_some());
            }
            Event::OrderDelivered(_) => {
                self.arrived += 1;
                order.delivered_at = (self.arrived >= self.shipments).then_some(at);
            }
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
            Event::EscrowRefunded(e) => self.refund(at, e.refund.as_str(), "refund", "escrow", e.to_buyer),
            Event::RefundIssued(e) => {
                for share in &e.borne_by {
                    self.refund(at, e.refund.as_str(), "refund", share.by.as_str(), share.to_buyer);
                }
            }
            Event::ChargebackClosed(e) if e.outcome == ChargebackOutcome::Lost => {
                let id = e.chargeback.as_str();
                if let Some(taken) = &e.from_escrow {
                    self.refund(at, id, "chargeback", "escrow", taken.to_buyer);
                }
                for share in &e.borne_by {
                    self.refund(at, id, "chargeback", share.by.as_str(), share.to_buyer);
                }
                self.decide(id, Some(at), Some("buyer"), e.amount.minor);
            }
            Event::ChargebackClosed(e) => self.decide(e.chargeback.as_str(), Some(at), Some("merchant"), 0),
            _ => self.dispute(event, at),
        }
        Ok(())
    }

    fn refund(&mut self, at: Timestamp, id: &str, cause: &str, by: &str, to_buyer: Money) {
        if !to_buyer.is_zero() {
            self.refunds.push(Refund {
                order: self.order.order.clone(),
                refund: id.to_owned(),
                at,
                cause: cause.to_owned(),
                borne_by: by.to_owned(),
                to_buyer: Minor(to_buyer.minor),
            });
        }
    }

    fn dispute(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::DisputeOpened(e) => {
                self.openers.insert(e.dispute.to_string(), e.by);
                self.open(e.dispute.as_str(), "dispute", e.category.as_str(), at, e.claim);
            }
            Event::ChargebackOpened(e) => {
                // a bank may ask again for what it lost
                self.decide(e.chargeback.as_str(), None, None, 0);
                if !self.disputes.iter().any(|known| known.dispute == e.chargeback.as_str()) {
                    self.open(e.chargeback.as_str(), "chargeback", "bank", at, e.amount);
                }
            }
            Event::DisputeRuled(e) => {
                let outcome = match e.r#for {
                    RuledFor::Buyer => "buyer",
                    RuledFor::Merchant => "merchant",
                    RuledFor::Split => "split",
                };
                self.decide(e.dispute.as_str(), Some(at), Some(outcome), e.refund.minor);
            }
            Event::DisputeAppealed(e) => {
                self.appealed.insert(e.dispute.to_string(), e.by);
            }
            Event::RulingReversed(e) => match self.appealed.get(e.dispute.as_str()) {
                Some(DisputeParty::Merchant) => {
                    self.decide(e.dispute.as_str(), Some(at), Some("merchant"), 0)
                }
                // to be ruled anew
                _ => self.decide(e.dispute.as_str(), None, None, 0),
            },
            Event::DisputeWithdrawn(e) => {
                let by_merchant = self.openers.get(e.dispute.as_str()) == Some(&DisputeParty::Merchant);
                let outcome = if by_merchant { "buyer" } else { "merchant" };
                self.decide(e.dispute.as_str(), Some(at), Some(outcome), 0);
            }
            _ => {}
        }
    }

    fn open(&mut self, id: &str, kind: &str, about: &str, opened_at: Timestamp, claim: Money) {
        self.disputes.push(Dispute {
            order: self.order.order.clone(),
            dispute: id.to_owned(),
            kind: kind.to_owned(),
            about: about.to_owned(),
            opened_at,
            claim: Minor(claim.minor),
            decided_at: None,
            outcome: None,
            refund: Minor(0),
        });
    }

    fn decide(&mut self, id: &str, at: Option<Timestamp>, outcome: Option<&str>, refund: i64) {
        if let Some(dispute) = self.disputes.iter_mut().find(|dispute| dispute.dispute == id) {
            dispute.decided_at = at;
            dispute.outcome = outcome.map(str::to_owned);
            dispute.refund = Minor(refund);
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
