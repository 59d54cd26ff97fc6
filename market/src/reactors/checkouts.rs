//! Between a checkout and its orders: money on its way into escrow and, where no order takes it, back.

use daybook_commands::{CommandError, Commands};
use daybook_domain::checkout::commands::CheckoutCommand;
use daybook_domain::checkout::events::{RefundPart, UnallocatedReason};
use daybook_domain::order::Order;
use daybook_domain::order::commands::OrderCommand;
use daybook_domain::{CheckoutId, Event};

use super::{Happened, Reaction, own_id};
use crate::AnyCommand;

pub(super) fn react(happened: &Happened, commands: &Commands) -> Result<Vec<Reaction>, CommandError> {
    let Some(checkout) = happened.refs.checkout else { return Ok(Vec::new()) };
    let to_checkout = |command| AnyCommand::Checkout { id: checkout, command };
    Ok(match &happened.event {
        Event::FundsAllocated(e) => {
            let fund = OrderCommand::Fund { parts: e.parts.clone(), shortfall: e.shortfall };
            let give_back = CheckoutCommand::ReturnAllocation {
                order: e.order,
                reason: "the order refused its money".to_owned(),
            };
            let fund = Reaction::new("fund", AnyCommand::Order { id: e.order, command: fund });
            vec![fund.or([Reaction::new("return", to_checkout(give_back))])]
        }
        Event::AllocationReturned(e) if !e.parts.is_empty() => {
            let part = |p: &daybook_domain::checkout::events::PaymentPart| RefundPart {
                payment: p.payment,
                provider: p.provider,
                amount: p.amount,
                provider_ref: None,
            };
            let refund = CheckoutCommand::RefundUnallocated {
                parts: Some(e.parts.iter().map(part).collect()),
                reason: format!("order {}: {}", e.order, e.reason),
            };
            vec![Reaction::new("refund", to_checkout(refund))]
        }
        Event::CheckoutCancelled(_) => vec![refund_all(checkout, "the checkout was cancelled")],
        Event::CheckoutExpired(_) => vec![refund_all(checkout, "the checkout expired")],
        Event::MoneyUnallocated(e)
            if e.amount.minor > 0
                && matches!(e.reason, UnallocatedReason::NoOrderCancelled | UnallocatedReason::Late) =>
        {
            vec![refund_all(checkout, "no order is left to take it")]
        }
        Event::OrderCancelled(_) => {
            let order = commands.state_at::<Order>(own_id(happened), happened.version)?;
            match (happened.refs.order, order.buyer_pays()) {
                (Some(id), Some(buyer_pays)) if !order.funded() => {
                    let change = CheckoutCommand::ChangeDue { order: id, buyer_pays };
                    // Paid meanwhile: the order refuses its allocation. Over: nothing is due any more.
                    let fine = &["checkout_covered", "checkout_closed", "checkout_unknown", "order_unknown"];
                    vec![Reaction::new("due", to_checkout(change)).fine(fine)]
                }
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    })
}

fn refund_all(checkout: CheckoutId, reason: &str) -> Reaction {
    let command = CheckoutCommand::RefundUnallocated { parts: None, reason: reason.to_owned() };
    Reaction::new("refund", AnyCommand::Checkout { id: checkout, command })
}
