//! An order to test with: two lines, tax, a subsidy, commission with VAT.

use daybook_domain::checkout::events::{PaymentMethod, PaymentPart, RefundPart};
use daybook_domain::merchant::events::{FeeScheduleAgreed, SettlementCycle, SettlementTerms};
use daybook_domain::order::commands::{OrderCommand, Place, PlaceLine, RefundOf};
use daybook_domain::order::events::*;
use daybook_domain::{CanBear, Facts, MerchantFacts, Money, Rate, Timestamp};

use super::{Scenario, at, cny, given, id};
use daybook_domain::order::Order;

/// A rate.
pub fn rate(text: &str) -> Rate {
    text.parse().expect("a decimal")
}

/// An open merchant whose commission is 10 %, with 6 % VAT on it, who can bear what is said.
pub fn merchant(balance: i64, deposit: i64) -> Facts {
    let schedule = FeeScheduleAgreed {
        version: 3,
        effective_from: at("2018-01-01T00:00:00Z"),
        default_commission: rate("0.10"),
        categories: Vec::new(),
        deposit_required: cny(0),
        settlement: SettlementTerms { cycle: SettlementCycle::Weekly, days: 0, minimum_payout: cny(0) },
        vat_on_fees: Some(rate("0.06")),
        platform_fee: None,
        reserve: None,
    };
    Facts {
        merchant: Some(MerchantFacts {
            open: true,
            suspended_for: None,
            terminated_at: None,
            schedule: Some(schedule),
        }),
        pending: None,
        can_bear: Some(CanBear { merchant: cny(balance), deposit: cny(deposit) }),
        closed_until: None,
        reads: Vec::new(),
    }
}

/// A line of an order.
pub fn line(name: &str, quantity: u32, unit_price: i64, discount: i64) -> PlaceLine {
    PlaceLine {
        discount: cny(discount),
        ..PlaceLine::new(id(name), id("p1"), id("books"), quantity, cny(unit_price))
    }
}

/// Two lines: A of 2 pieces at 40.00, B of one at 30.00 less 5.00; shipping 7.00, tax 3.00, a subsidy of 11.00:
/// total 115.00, the buyer pays 104.00.
pub fn basket() -> Place {
    let lines = vec![line("A", 2, 4_000, 0), line("B", 1, 3_000, 500)];
    Place {
        tax: Some(TaxAmount { jurisdiction: id("CN"), amount: cny(300) }),
        subsidies: vec![Subsidy { campaign: id("spring"), amount: cny(1_100) }],
        ..Place::new(id("c1"), id("b1"), id("m1"), id("web"), lines, cny(700))
    }
}

/// A share of a payment.
pub fn part(payment: &str, provider: &str, minor: i64) -> PaymentPart {
    PaymentPart {
        payment: id(payment),
        provider: id(provider),
        method: PaymentMethod::Card,
        amount: cny(minor),
    }
}

/// A share of a refund.
pub fn back(payment: &str, provider: &str, minor: i64) -> RefundPart {
    RefundPart { payment: id(payment), provider: id(provider), amount: cny(minor), provider_ref: None }
}

/// Pieces of a line.
pub fn of(name: &str, quantity: u32) -> LineQuantity {
    LineQuantity { line: id(name), quantity }
}

/// The day after the tests' noon, and so on.
pub fn day(n: u32) -> Timestamp {
    super::noon().plus_days(n)
}

/// A stream without events, of a merchant that can bear everything.
pub fn nothing_yet() -> Scenario<Order> {
    given("o1", []).knowing(merchant(1_000_000, 0))
}

/// Placed.
pub fn placed() -> Scenario<Order> {
    nothing_yet().and(OrderCommand::Place(basket()))
}

/// Paid by two payments, 100.00 and 2.00, and 2.00 short.
pub fn fund() -> OrderCommand {
    let parts = vec![part("p1", "alipay", 10_000), part("p2", "stored-value", 200)];
    OrderCommand::Fund { parts, shortfall: cny(200) }
}

/// Funded.
pub fn funded() -> Scenario<Order> {
    placed().and(fund())
}

/// Sends everything off, or some.
pub fn ship(shipment: &str, lines: Option<Vec<LineQuantity>>) -> OrderCommand {
    let shipment = id(shipment);
    OrderCommand::Ship { shipment, lines, mode: ShippingMode::Parcel, carrier: None, tracking: None }
}

/// All shipped.
pub fn shipped() -> Scenario<Order> {
    funded().and(ship("s1", None))
}

/// All delivered.
pub fn delivered() -> Scenario<Order> {
    shipped().and(OrderCommand::Deliver { shipment: id("s1") })
}

/// All received and released.
pub fn released() -> Scenario<Order> {
    delivered().and(receive(None))
}

/// Receipt by the buyer.
pub fn receive(lines: Option<Vec<LineQuantity>>) -> OrderCommand {
    OrderCommand::ConfirmReceipt { lines, by: ReceivedBy::Buyer }
}

/// Cancels on the merchant's word.
pub fn cancel(lines: Option<Vec<LineQuantity>>, refund: &str) -> OrderCommand {
    let reason = "out of stock".to_owned();
    OrderCommand::Cancel { lines, by: CancelledBy::Merchant, reason, refund: id(refund) }
}

/// Refunds from escrow.
pub fn refund_escrow(refund: &str, of: RefundOf) -> OrderCommand {
    OrderCommand::RefundEscrow { refund: id(refund), of, reason: "late".to_owned() }
}

/// Refunds after release.
pub fn refund_released(refund: &str, of: RefundOf, borne_by: Bearer) -> OrderCommand {
    let reason = "scratched".to_owned();
    OrderCommand::IssueRefund { refund: id(refund), of, borne_by, reason, dispute: None }
}

/// An amount of the order.
pub fn amount(minor: i64) -> RefundOf {
    RefundOf::Amount(cny(minor))
}

/// The buyer asks to send pieces back.
pub fn request_return(name: &str, lines: Option<Vec<LineQuantity>>) -> OrderCommand {
    OrderCommand::RequestReturn { r#return: id(name), lines, reason: "too small".to_owned() }
}

/// The buyer opens a dispute.
pub fn dispute(name: &str, claim: Option<Money>, lines: Option<Vec<LineQuantity>>) -> OrderCommand {
    OrderCommand::OpenDispute {
        dispute: id(name),
        by: DisputeParty::Buyer,
        category: DisputeCategory::Quality,
        claim,
        lines,
        detail: None,
    }
}

/// The merchant answers.
pub fn answer(name: &str) -> OrderCommand {
    OrderCommand::AnswerDispute { dispute: id(name), by: DisputeParty::Merchant, answer: None }
}

/// The market rules.
pub fn rule(name: &str, r#for: RuledFor, refund: Option<i64>) -> OrderCommand {
    OrderCommand::RuleDispute {
        dispute: id(name),
        r#for,
        refund: refund.map(cny),
        penalty: cny(0),
        rule: RuleClause { version: 1, clause: id("4.2") },
        reason: "the photographs show it".to_owned(),
    }
}

/// A bank's case on the first payment.
pub fn chargeback(name: &str, minor: i64) -> OrderCommand {
    OrderCommand::OpenChargeback {
        chargeback: id(name),
        payment: id("p1"),
        provider: id("alipay"),
        amount: cny(minor),
        reason: "fraud".to_owned(),
    }
}

/// The bank decides.
pub fn decided(name: &str, outcome: ChargebackOutcome, minor: i64, round: u32) -> OrderCommand {
    OrderCommand::CloseChargeback { chargeback: id(name), outcome, amount: cny(minor), round }
}
