//! What may be asked of a checkout, and what it answers.

use crate::decider::{Aggregate, Context, not_negative, positive, said};
use crate::order::events::ReviewPosted;
use crate::time::SECOND;
use crate::{CheckoutId, Event, Money, MoneyError, OrderId, Refs, Rejection, Timestamp};

use super::allocation::Draft;
use super::commands::CheckoutCommand;
use super::events::{
    AllocationReturned, CheckoutCancelled, CheckoutExpired, CheckoutOpened, DueChanged, MoneyUnallocated,
    OrderDue, ShortfallAccepted, UnallocatedReason,
};
use super::state::{Case, Checkout, Phase};

type Decision = Result<Vec<Event>, Rejection>;

impl Aggregate for Checkout {
    const CATEGORY: &'static str = "checkout";
    type Command = CheckoutCommand;

    fn named(id: &str) -> Self {
        Self { id: CheckoutId::new(id).ok(), ..Self::default() }
    }

    fn decide(&self, command: &CheckoutCommand, context: &Context<'_>) -> Decision {
        use CheckoutCommand as C;
        if let C::Open { buyer, currency, orders, expires } = command {
            let due = total_due(*currency, orders.iter().map(|o| o.buyer_pays))?;
            let opened = CheckoutOpened {
                buyer: *buyer,
                currency: *currency,
                orders: orders.clone(),
                due,
                expires: *expires,
            };
            return self.open(opened, context);
        }
        if self.phase == Phase::Absent {
            return Err(Rejection::new(
                "checkout_unknown",
                "the checkout was never opened: open it first, without orders if it has none",
            ));
        }
        // what a bank or a provider said is a fact and taken as it came, and so is all that history says
        if !context.import
            && let C::AcceptShortfall { reason, .. }
            | C::RefundUnallocated { reason, .. }
            | C::Cancel { reason } = command
        {
            said("reason", reason)?;
        }
        match command {
            C::Open { .. } => Ok(Vec::new()), // answered above
            C::Authorise { payment, method, provider, provider_ref, amount } => {
                self.authorise(*payment, *method, *provider, *provider_ref, *amount)
            }
            C::Void { payment, reason } => self.void(payment, reason.clone()),
            C::Capture { payment, method, provider, provider_ref, amount, fee, instalments } => {
                self.capture(super::events::PaymentCaptured {
                    payment: *payment,
                    method: *method,
                    provider: *provider,
                    provider_ref: *provider_ref,
                    amount: *amount,
                    fee: *fee,
                    instalments: *instalments,
                })
            }
            C::UseStoredValue { payment, instrument, amount } => {
                self.use_stored_value(*payment, *instrument, *amount, context)
            }
            C::FailPayment { payment, provider, reason } => self.fail(*payment, *provider, reason),
            C::ReversePayment { payment, amount, reason } => self.reverse(payment, *amount, reason.clone()),
            C::ChangeDue { order, buyer_pays } => self.change_due(*order, *buyer_pays),
            C::AcceptShortfall { by, reason, amount } => {
                self.accept_shortfall(ShortfallAccepted { amount: *amount, by: *by, reason: reason.clone() })
            }
            C::RecogniseDifference { r#as, amount, by } => self.recognise(*r#as, *amount, *by),
            C::ReturnAllocation { order, reason } => self.return_allocation(order, reason),
            C::RefundUnallocated { parts, reason } => self.refund_unallocated(parts.as_deref(), reason),
            C::Expire { due } => self.expire(*due, context),
            C::Cancel { reason } => self.cancel(reason),
            C::PostReview { review, overall, goods, service, delivery } => self.post_review(
                ReviewPosted {
                    review: *review,
                    overall: *overall,
                    goods: *goods,
                    service: *service,
                    delivery: *delivery,
                },
                context,
            ),
            C::ReceiveChargeback { chargeback, payment, amount, reason, fee, round } => {
                self.receive_chargeback(*chargeback, *payment, *amount, reason, *fee, *round)
            }
            C::WinChargeback { chargeback, round } => self.win_chargeback(chargeback, *round),
            C::LoseChargeback { chargeback, round } => self.lose_chargeback(chargeback, *round),
        }
    }

    fn evolve(&mut self, event: &Event, _occurred_at: Timestamp) {
        self.remember(event);
    }

    fn refs(&self) -> Refs {
        self.refs_of_state()
    }

    fn status(&self) -> &'static str {
        match self.phase {
            Phase::Absent => "absent",
            Phase::Open => "open",
            Phase::Covered => "covered",
            Phase::Expired => "expired",
            Phase::Cancelled => "cancelled",
        }
    }
}

/// What all orders together ask.
fn total_due(currency: crate::Currency, asked: impl Iterator<Item = Money>) -> Result<Money, Rejection> {
    let mut due = Money::zero(currency);
    for amount in asked {
        not_negative("orders.buyer_pays", amount)?;
        if amount.currency != currency {
            let message =
                format!("orders.buyer_pays is {amount}, the checkout in {currency}: use one currency");
            return Err(Rejection::new("currency_mismatch", message));
        }
        due = due.add(amount)?;
    }
    Ok(due)
}

impl Checkout {
    fn open(&self, mut opened: CheckoutOpened, context: &Context<'_>) -> Decision {
        let mut seen: Vec<OrderId> = opened.orders.iter().map(|o| o.order).collect();
        seen.sort_unstable();
        if let Some(twice) = seen.windows(2).find(|pair| pair[0] == pair[1]) {
            let message = format!("orders names {} twice: an order stands in a basket once", twice[0]);
            return Err(Rejection::new("order_twice", message));
        }
        if self.phase != Phase::Absent {
            return self.opened_before(&opened);
        }
        match opened.expires {
            Some(expires) if expires <= context.occurred_at && !context.import => {
                return Err(Rejection::new(
                    "expiry_in_past",
                    format!("expires is {expires}, not after {}: give a later one", context.occurred_at),
                ));
            }
            None if !context.import => {
                let hours = i64::from(context.policy.checkout_expires_hours);
                opened.expires = Some(context.occurred_at.plus(hours * 3_600 * SECOND));
            }
            _ => {}
        }
        let mut draft = Draft::of(self);
        draft.say(opened);
        draft.settled()
    }

    /// The same basket again is no news; another one is refused.
    fn opened_before(&self, again: &CheckoutOpened) -> Decision {
        let same_orders = self.orders.len() == again.orders.len()
            && self.orders.iter().zip(&again.orders).all(|(known, o): (_, &OrderDue)| {
                known.order == o.order && known.merchant == o.merchant && known.buyer_pays == o.buyer_pays
            });
        if same_orders && self.buyer == Some(again.buyer) && self.currency == Some(again.currency) {
            return Ok(Vec::new());
        }
        Err(Rejection::new(
            "checkout_exists",
            "a checkout of this id was opened for another basket: use another id",
        ))
    }

    /// The checkout's own currency; only an absent one has none.
    pub(super) fn own_currency(&self) -> Result<crate::Currency, Rejection> {
        self.currency.ok_or_else(|| Rejection::new("checkout_unknown", "the checkout was never opened"))
    }

    /// Refuses what is only possible while the basket still waits for money.
    pub(super) fn must_be_open(&self) -> Result<(), Rejection> {
        match self.phase {
            Phase::Open => Ok(()),
            Phase::Covered => Err(Rejection::new(
                "checkout_covered",
                "the basket is paid and its money reserved for its orders: act on the orders",
            )),
            Phase::Absent | Phase::Expired | Phase::Cancelled => Err(Rejection::new(
                "checkout_closed",
                format!("the checkout is {}: open another one", self.status()),
            )),
        }
    }

    fn change_due(&self, order: OrderId, buyer_pays: Money) -> Decision {
        let known = self.orders.iter().find(|o| o.order == order);
        let known = known.ok_or_else(|| order_unknown(&order))?;
        not_negative("buyer_pays", buyer_pays)?;
        if known.buyer_pays == buyer_pays {
            return Ok(Vec::new());
        }
        self.must_be_open()?;
        let others = self.orders.iter().filter(|o| o.order != order).map(|o| o.buyer_pays);
        let due = total_due(self.own_currency()?, others.chain([buyer_pays]))?;
        let mut draft = Draft::of(self);
        draft.say(DueChanged { order, buyer_pays, due });
        draft.settled()
    }

    fn accept_shortfall(&self, accepted: ShortfallAccepted) -> Decision {
        self.must_be_open()?;
        positive("amount", accepted.amount)?;
        let due = Money::zero(self.own_currency()?).add(accepted.amount)?; // refuses another currency
        let asked: i64 = self.orders.iter().map(|o| o.buyer_pays.minor).sum();
        let missing = Money::new((asked - self.usable() - self.accepted).max(0), due.currency);
        if accepted.amount.minor > missing.minor {
            return Err(Rejection::new(
                "shortfall_exceeds_missing",
                format!("amount is {}, but only {missing} is missing: accept at most that", accepted.amount),
            ));
        }
        let mut draft = Draft::of(self);
        draft.say(accepted);
        draft.settled()
    }

    fn return_allocation(&self, order: &OrderId, reason: &str) -> Decision {
        let basket = self.orders.iter().find(|o| o.order == *order).ok_or_else(|| order_unknown(order))?;
        let Some(allocation) = &basket.allocation else {
            if basket.refused {
                return Ok(Vec::new());
            }
            return Err(Rejection::new(
                "order_not_allocated",
                format!("nothing is reserved for order {order}: there is nothing to return"),
            ));
        };
        if self.chargebacks.iter().any(|c| c.case == Case::Lost && c.on_order(order) > 0) {
            return Err(Rejection::new(
                "order_charged_back",
                format!("a bank keeps money reserved for order {order}: close the case on the order instead"),
            ));
        }
        let parts = allocation.parts.clone();
        let mut draft = Draft::of(self);
        draft.say(AllocationReturned {
            order: *order,
            parts: parts.clone(),
            shortfall: allocation.shortfall,
            reason: reason.to_owned(),
        });
        for part in parts {
            draft.say(MoneyUnallocated {
                amount: part.amount,
                reason: UnallocatedReason::OrderRefused,
                payment: Some(part.payment),
                order: Some(*order),
            });
        }
        draft.settled()
    }

    fn expire(&self, due: Timestamp, context: &Context<'_>) -> Decision {
        if self.phase != Phase::Open || (self.expires != Some(due) && !context.import) {
            return Ok(Vec::new());
        }
        if context.now < due {
            return Err(Rejection::new("not_due_yet", format!("the checkout can be paid until {due}")));
        }
        let mut draft = Draft::of(self);
        draft.say(CheckoutExpired { due_at: due });
        draft.close();
        draft.settled()
    }

    fn cancel(&self, reason: &str) -> Decision {
        if self.phase == Phase::Cancelled {
            return Ok(Vec::new());
        }
        // where every order refused its money, nothing is left to act on but the basket
        if !(self.phase == Phase::Covered && self.orders.iter().all(|o| o.refused)) {
            self.must_be_open()?;
        }
        let mut draft = Draft::of(self);
        draft.say(CheckoutCancelled { reason: reason.to_owned() });
        draft.close();
        draft.settled()
    }

    fn post_review(&self, review: ReviewPosted, context: &Context<'_>) -> Decision {
        if self.reviews.contains(&review.review) {
            return Ok(Vec::new());
        }
        let scores = [Some(review.overall), review.goods, review.service, review.delivery];
        if scores.into_iter().flatten().any(|score| !(1..=5).contains(&score)) {
            return Err(Rejection::new("score_out_of_range", "a score of the review is not 1 to 5"));
        }
        if !self.orders.is_empty() && !context.import {
            return Err(Rejection::new("checkout_has_orders", "the basket has orders: review one of them"));
        }
        Ok(vec![review.into()])
    }
}

impl Draft {
    /// What waited for a basket that is now given up goes back, as does what never had an order.
    fn close(&mut self) {
        let was = UnallocatedReason::NoOrderOpen;
        for payment in self.state.payments.clone() {
            if let Some((_, amount)) = payment.unallocated.iter().find(|(reason, _)| *reason == was) {
                self.unallocated(&payment, -amount, was);
            }
        }
        self.give_reason(UnallocatedReason::NoOrderCancelled);
    }
}

fn order_unknown(order: &OrderId) -> Rejection {
    Rejection::new("order_unknown", format!("order {order} is not in this basket"))
}

/// Refuses a sum of what came in beyond 64 bits of minor units: all other sums of a checkout are smaller.
pub(super) fn bounded(sum: Option<i64>) -> Result<i64, Rejection> {
    sum.ok_or_else(|| MoneyError::Overflow.into())
}
