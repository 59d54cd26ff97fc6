//! Checkouts: what may be asked, and that no cent is lost between a payment and an order.
#![allow(clippy::inconsistent_digit_grouping)] // 100_00 is 100.00

mod chargebacks;
mod histories;
mod paying;
mod product;
#[path = "../support/mod.rs"]
mod support;
mod without_order;

use daybook_domain::checkout::Checkout;
use daybook_domain::checkout::commands::CheckoutCommand;
use daybook_domain::checkout::events::*;
use daybook_domain::{Event, Money};
use support::{Scenario, cny, currency, given, id};

/// A basket of orders `o1`, `o2`, ... that ask these amounts.
fn open(asked: &[i64]) -> CheckoutCommand {
    let orders = asked.iter().enumerate().map(|(n, minor)| OrderDue {
        order: id(&format!("o{}", n + 1)),
        merchant: id(&format!("m{}", n + 1)),
        buyer_pays: cny(*minor),
    });
    CheckoutCommand::Open {
        buyer: id("b1"),
        currency: currency("CNY"),
        orders: orders.collect(),
        expires: None,
    }
}

fn capture_money(payment: &str, amount: Money, reference: &str) -> CheckoutCommand {
    CheckoutCommand::Capture {
        payment: id(payment),
        method: PaymentMethod::Card,
        provider: id("bank"),
        provider_ref: id(reference),
        amount,
        fee: None,
        instalments: None,
    }
}

/// A capture with a reference of its own.
fn capture(payment: &str, minor: i64) -> CheckoutCommand {
    capture_money(payment, cny(minor), &format!("ref-{payment}"))
}

fn stored_value(payment: &str, minor: i64) -> CheckoutCommand {
    CheckoutCommand::UseStoredValue { payment: id(payment), instrument: id("card-1"), amount: cny(minor) }
}

fn authorise(payment: &str, minor: i64) -> CheckoutCommand {
    CheckoutCommand::Authorise {
        payment: id(payment),
        method: PaymentMethod::Card,
        provider: id("bank"),
        provider_ref: id(&format!("ref-{payment}")),
        amount: cny(minor),
    }
}

fn change_due(order: &str, minor: i64) -> CheckoutCommand {
    CheckoutCommand::ChangeDue { order: id(order), buyer_pays: cny(minor) }
}

fn accept_shortfall(minor: i64) -> CheckoutCommand {
    CheckoutCommand::AcceptShortfall { by: id("clerk"), reason: "rounding".to_owned(), amount: cny(minor) }
}

fn recognise(minor: i64) -> CheckoutCommand {
    let kind = DifferenceKind::InstalmentInterest;
    CheckoutCommand::RecogniseDifference { r#as: kind, amount: cny(minor), by: id("clerk") }
}

fn return_allocation(order: &str) -> CheckoutCommand {
    CheckoutCommand::ReturnAllocation { order: id(order), reason: "cancelled".to_owned() }
}

fn refund_all() -> CheckoutCommand {
    CheckoutCommand::RefundUnallocated { parts: None, reason: "no order".to_owned() }
}

fn refund(payment: &str, minor: i64) -> CheckoutCommand {
    let parts = vec![refund_part(payment, minor)];
    CheckoutCommand::RefundUnallocated { parts: Some(parts), reason: "no order".to_owned() }
}

fn refund_part(payment: &str, minor: i64) -> RefundPart {
    RefundPart { payment: id(payment), provider: id("bank"), amount: cny(minor), provider_ref: None }
}

fn reverse(payment: &str, minor: i64) -> CheckoutCommand {
    CheckoutCommand::ReversePayment { payment: id(payment), amount: cny(minor), reason: None }
}

fn cancel() -> CheckoutCommand {
    CheckoutCommand::Cancel { reason: "given up".to_owned() }
}

fn chargeback(case: &str, payment: &str, minor: i64, round: u32) -> CheckoutCommand {
    CheckoutCommand::ReceiveChargeback {
        chargeback: id(case),
        payment: id(payment),
        amount: cny(minor),
        reason: "fraud".to_owned(),
        fee: None,
        round,
    }
}

fn win(case: &str, round: u32) -> CheckoutCommand {
    CheckoutCommand::WinChargeback { chargeback: id(case), round }
}

fn lose(case: &str, round: u32) -> CheckoutCommand {
    CheckoutCommand::LoseChargeback { chargeback: id(case), round }
}

fn absent() -> Scenario<Checkout> {
    given("c1", [])
}

/// A basket that waits for these amounts.
fn basket(asked: &[i64]) -> Scenario<Checkout> {
    absent().and(open(asked))
}

fn part(payment: &str, minor: i64) -> PaymentPart {
    PaymentPart {
        payment: id(payment),
        provider: id("bank"),
        method: PaymentMethod::Card,
        amount: cny(minor),
    }
}

fn allocated(order: &str, parts: Vec<PaymentPart>, shortfall: i64) -> Event {
    let merchant = id(&order.replace('o', "m"));
    FundsAllocated { order: id(order), merchant, parts, shortfall: cny(shortfall) }.into()
}

fn unallocated(payment: &str, minor: i64, reason: UnallocatedReason) -> Event {
    MoneyUnallocated { amount: cny(minor), reason, payment: Some(id(payment)), order: None }.into()
}

fn captured(payment: &str, minor: i64) -> Event {
    PaymentCaptured {
        payment: id(payment),
        method: PaymentMethod::Card,
        provider: id("bank"),
        provider_ref: id(&format!("ref-{payment}")),
        amount: cny(minor),
        fee: None,
        instalments: None,
    }
    .into()
}
