//! The commands that record a merchant, a lead, a checkout with its orders.

use daybook_domain::checkout::Checkout;
use daybook_domain::checkout::commands::CheckoutCommand;
use daybook_domain::checkout::events::{FundsAllocated, OrderDue, RefundPart};
use daybook_domain::lead::Lead;
use daybook_domain::lead::commands::LeadCommand;
use daybook_domain::merchant::Merchant;
use daybook_domain::merchant::commands::MerchantCommand;
use daybook_domain::order::Order;
use daybook_domain::order::commands::{OrderCommand, Place, PlaceLine};
use daybook_domain::order::events::{CancelledBy, Promise, ShippingMode};
use daybook_domain::{Code, Event, Money, Reference, RefundId, ShipmentId, Timestamp};
use uuid::Uuid;

use super::import::{Ask, Halt, Identified, Writer};
use super::plan::{CheckoutPlan, LeadPlan, MerchantPlan, OrderPlan, Plan, ReviewPlan};

/// The steps of a plan: merchants, then leads, then checkouts.
pub(super) struct Steps<'a>(pub &'a Plan);

fn olist() -> Code {
    Code::new("olist").expect("invariant: visible ASCII")
}

impl Steps<'_> {
    /// Records the nth step.
    pub fn record(&self, n: u64, writer: &mut Writer) -> Result<(), Halt> {
        let mut n = n as usize;
        if let Some(merchant) = self.0.merchants.get(n) {
            return self.merchant(merchant, writer);
        }
        n -= self.0.merchants.len();
        if let Some(lead) = self.0.leads.get(n) {
            return lead_won(lead, writer);
        }
        self.checkout(&self.0.checkouts[n - self.0.leads.len()], writer)
    }

    fn merchant(&self, merchant: &MerchantPlan, writer: &mut Writer) -> Result<(), Halt> {
        let command = MerchantCommand::Import {
            source: olist(),
            settlement_currency: self.0.currency,
            name: None,
            kind: None,
            country: Some(Code::new("BR").expect("invariant: visible ASCII")),
            region: merchant.region.clone(),
        };
        writer.send(Ask::<Merchant> { id: merchant.id.as_str(), key: "import", at: merchant.at, command })
    }

    fn checkout(&self, plan: &CheckoutPlan, writer: &mut Writer) -> Result<(), Halt> {
        self.open(plan, writer)?;
        for allocated in self.pay(plan, writer)? {
            self.fund(plan, allocated, writer)?;
        }
        for order in &plan.orders {
            self.sale(plan, order, writer)?;
        }
        if let Some(at) = plan.cancelled_at {
            self.give_back(plan, at, writer)?;
        }
        if plan.orders.is_empty() {
            for review in &plan.reviews {
                let command = CheckoutCommand::PostReview {
                    review: review.id,
                    overall: review.score,
                    goods: None,
                    service: None,
                    delivery: None,
                };
                let key = format!("review/{}", review.id);
                writer.send(Ask::<Checkout> { id: plan.id.as_str(), key: &key, at: review.at, command })?;
            }
        }
        Ok(())
    }

    /// The basket goes to payment, its orders are placed.
    fn open(&self, plan: &CheckoutPlan, writer: &mut Writer) -> Result<(), Halt> {
        let (id, at) = (plan.id.as_str(), plan.opened_at);
        let mut orders = Vec::with_capacity(plan.orders.len());
        for order in &plan.orders {
            let buyer_pays = order.total(self.0.currency).map_err(overflow)?;
            orders.push(OrderDue { order: order.id, merchant: order.merchant, buyer_pays });
        }
        let command =
            CheckoutCommand::Open { buyer: plan.buyer, currency: self.0.currency, orders, expires: None };
        writer.send(Ask::<Checkout> { id, key: "open", at, command })?;
        for order in &plan.orders {
            let command = OrderCommand::Place(self.place(plan, order)?);
            writer.send(Ask::<Order> { id: order.id.as_str(), key: "place", at, command })?;
        }
        Ok(())
    }

    fn place(&self, plan: &CheckoutPlan, order: &OrderPlan) -> Result<Place, Halt> {
        let zero = Money::zero(self.0.currency);
        let shipping =
            order.lines.iter().try_fold(zero, |sum, line| sum.add(line.freight)).map_err(overflow)?;
        let lines = order.lines.iter().map(|line| PlaceLine {
            list_price: Some(line.price),
            commission_rate: Some(self.0.commission),
            shipping: Some(line.freight),
            ..PlaceLine::new(line.line, line.product, line.category, 1, line.price)
        });
        Ok(Place {
            promise: Some(Promise { ship_by: order.ship_by, deliver_by: order.deliver_by }),
            ..Place::new(plan.id, plan.buyer, order.merchant, olist(), lines.collect(), shipping)
        })
    }

    /// The payments come in; answers with what they reserve for the orders.
    fn pay(&self, plan: &CheckoutPlan, writer: &mut Writer) -> Result<Vec<(Uuid, FundsAllocated)>, Halt> {
        let (id, at) = (plan.id.as_str(), plan.paid_at);
        let mut events: Vec<Identified> = Vec::new();
        for payment in &plan.payments {
            // Olist gives no transaction number: the row's own key stands for it
            let provider_ref = format!("{id}/{}", payment.id);
            let command = CheckoutCommand::Capture {
                payment: payment.id,
                method: payment.method,
                provider: payment.provider,
                provider_ref: Reference::new(&provider_ref).map_err(bad_id)?,
                amount: payment.amount,
                fee: None,
                instalments: Some(payment.instalments),
            };
            let key = format!("capture/{}", payment.id);
            events.extend(writer.ask(Ask::<Checkout> { id, key: &key, at, command })?);
        }
        if !plan.shortfall.is_zero() {
            let command = CheckoutCommand::AcceptShortfall {
                by: writer.actor(),
                reason: "paid less than items and freight".to_owned(),
                amount: plan.shortfall,
            };
            events.extend(writer.ask(Ask::<Checkout> { id, key: "shortfall", at, command })?);
        }
        let allocated = events.into_iter().filter_map(|(id, event)| match event {
            Event::FundsAllocated(allocated) => Some((id, allocated)),
            _ => None,
        });
        Ok(allocated.collect())
    }

    /// The order takes what its checkout reserved for it.
    fn fund(
        &self,
        plan: &CheckoutPlan,
        (event, allocated): (Uuid, FundsAllocated),
        writer: &mut Writer,
    ) -> Result<(), Halt> {
        let FundsAllocated { order, parts, shortfall, .. } = allocated;
        let command = OrderCommand::Fund { parts, shortfall };
        let ask = Ask::<Order> { id: order.as_str(), key: "fund", at: plan.paid_at, command };
        writer.send_as(ask, Uuid::new_v5(&event, b"fund"))
    }

    /// An order goes its way, as far as it went.
    fn sale(&self, plan: &CheckoutPlan, order: &OrderPlan, writer: &mut Writer) -> Result<(), Halt> {
        let id = order.id.as_str();
        let shipment = ShipmentId::new("1").expect("invariant: visible ASCII");
        // reviews are of the whole basket: they stand with its first order
        let first = plan.orders.first().is_some_and(|first| first.id == order.id);
        let mut reviews = if first { plan.reviews.iter().peekable() } else { [].iter().peekable() };
        if let Some(at) = plan.shipped_at {
            let command = OrderCommand::Ship {
                shipment,
                lines: None,
                mode: ShippingMode::Parcel,
                carrier: None,
                tracking: None,
            };
            writer.send(Ask::<Order> { id, key: "ship", at, command })?;
        }
        if let Some(at) = plan.delivered_at {
            let delivered = writer.ask(Ask::<Order> {
                id,
                key: "deliver",
                at,
                command: OrderCommand::Deliver { shipment },
            })?;
            let due = delivered.iter().find_map(|(_, event)| match event {
                Event::OrderDelivered(delivered) => Some(delivered.release_due),
                _ => None,
            });
            if let (Some(due), None) = (due, plan.cancelled_at) {
                while let Some(review) = reviews.next_if(|review| review.at <= due) {
                    review_of(id, review, writer)?;
                }
                release(id, shipment, due, writer)?;
            }
        }
        if let (Some(at), Some(reason)) = (plan.cancelled_at, plan.cancelled_as) {
            cancel(id, reason, at, writer)?;
        }
        reviews.try_for_each(|review| review_of(id, review, writer))
    }

    /// Money that no order has goes back; a basket that never had an order is given up.
    fn give_back(&self, plan: &CheckoutPlan, at: Timestamp, writer: &mut Writer) -> Result<(), Halt> {
        let id = plan.id.as_str();
        let reason = plan.cancelled_as.unwrap_or("canceled");
        if plan.orders.is_empty() || !plan.funded {
            let command = CheckoutCommand::Cancel { reason: reason.to_owned() };
            writer.send(Ask::<Checkout> { id, key: "cancel", at, command })?;
        }
        if plan.overpaid {
            let command = CheckoutCommand::RefundUnallocated { parts: None, reason: reason.to_owned() };
            writer.send(Ask::<Checkout> { id, key: "refund", at, command })?;
        }
        Ok(())
    }
}

fn lead_won(lead: &LeadPlan, writer: &mut Writer) -> Result<(), Halt> {
    let id = lead.id.as_str();
    let (origin, landing, first_contact) = (lead.origin, lead.landing, lead.first_contact);
    let command = LeadCommand::Capture { origin, first_contact, landing };
    writer.send(Ask::<Lead> { id, key: "capture", at: first_contact, command })?;
    if let Some(deal) = &lead.won {
        let command =
            LeadCommand::Win { merchant: deal.merchant, segment: deal.segment, r#type: deal.lead_type };
        writer.send(Ask::<Lead> { id, key: "win", at: deal.won, command })?;
    }
    Ok(())
}

/// Nobody objected: received by timeout, released, and completed when the after-sales window is over.
fn release(id: &str, shipment: ShipmentId, due: Timestamp, writer: &mut Writer) -> Result<(), Halt> {
    let command = OrderCommand::ConfirmByTimeout { shipment, due };
    let confirmed = writer.ask(Ask::<Order> { id, key: "receipt", at: due, command })?;
    let until = confirmed.iter().find_map(|(_, event)| match event {
        Event::EscrowReleased(released) => released.after_sales_until,
        _ => None,
    });
    if let Some(due) = until {
        let command = OrderCommand::Complete { due };
        writer.send(Ask::<Order> { id, key: "complete", at: due, command })?;
    }
    Ok(())
}

/// The order is cancelled, its escrow refunded and paid back to where it came from.
fn cancel(id: &str, reason: &str, at: Timestamp, writer: &mut Writer) -> Result<(), Halt> {
    let refund = RefundId::new("cancellation").expect("invariant: visible ASCII");
    let command =
        OrderCommand::Cancel { lines: None, by: CancelledBy::Market, reason: reason.to_owned(), refund };
    let cancelled = writer.ask(Ask::<Order> { id, key: "cancel", at, command })?;
    let parts = cancelled.into_iter().find_map(|(_, event)| match event {
        Event::EscrowRefunded(refunded) => Some(refunded.parts),
        _ => None,
    });
    let parts: Vec<RefundPart> = parts
        .unwrap_or_default()
        .into_iter()
        .map(|part| RefundPart {
            payment: part.payment,
            provider: part.provider,
            amount: part.amount,
            provider_ref: None,
        })
        .collect();
    if parts.is_empty() {
        return Ok(());
    }
    writer.send(Ask::<Order> { id, key: "refund", at, command: OrderCommand::PayRefund { refund, parts } })
}

fn review_of(id: &str, review: &ReviewPlan, writer: &mut Writer) -> Result<(), Halt> {
    let command = OrderCommand::PostReview {
        review: review.id,
        overall: review.score,
        goods: None,
        service: None,
        delivery: None,
    };
    let key = format!("review/{}", review.id);
    writer.send(Ask::<Order> { id, key: &key, at: review.at, command })
}

fn overflow(error: daybook_domain::MoneyError) -> Halt {
    Halt::Failed(daybook_commands::CommandError::Rejected(error.into()))
}

fn bad_id(error: daybook_domain::ids::IdError) -> Halt {
    Halt::Failed(daybook_commands::CommandError::Malformed { field: "reference", cure: error.to_string() })
}
