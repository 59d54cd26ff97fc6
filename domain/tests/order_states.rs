//! Orders: every state answers every command. The snapshot is the published table.

mod support;

use daybook_domain::Aggregate;
use daybook_domain::order::Order;
use daybook_domain::order::OrderCommand as C;
use daybook_domain::order::commands::RefundOf;
use daybook_domain::order::events::*;
use support::sale::*;
use support::{Scenario, cny, id};

fn states() -> Vec<(&'static str, Scenario<Order>)> {
    let reason = || "r".to_owned();
    let lost = C::ReportException { shipment: id("s1"), kind: ExceptionKind::Lost, detail: None };
    let exchange = C::RequestExchange { exchange: id("x1"), lines: None, reason: reason() };
    let accepted = delivered().and(request_return("t1", None)).and(C::AcceptReturn { r#return: id("t1") });
    let returned = accepted.clone().and(C::RecordGoodsReturned { r#return: id("t1"), lines: None });
    let opened = delivered().and(dispute("d1", None, None));
    let answered = opened.clone().and(answer("d1"));
    let ruled = answered.clone().and(rule("d1", RuledFor::Split, Some(1_000)));
    let appeal = C::AppealDispute { dispute: id("d1"), by: DisputeParty::Merchant, reason: reason() };
    let closed = ruled.clone().on(day(7)).and(C::CloseDispute { dispute: id("d1"), due: None });
    let banked = delivered().and(chargeback("k1", 10_000));
    vec![
        ("never placed", nothing_yet()),
        ("placed", placed()),
        ("held for review", funded().and(C::Hold { reason: reason() })),
        ("paid", funded()),
        ("cancelled before payment", placed().and(cancel(None, "r0"))),
        ("cancelled after payment", funded().and(cancel(None, "r0"))),
        ("partly cancelled", funded().and(cancel(Some(vec![of("A", 1)]), "r0"))),
        ("partly shipped", funded().and(ship("s1", Some(vec![of("A", 1)])))),
        ("shipped", shipped()),
        ("lost on the way", shipped().and(lost)),
        ("refused at the door", shipped().and(C::RefuseReceipt { lines: None, reason: reason() })),
        ("delivered", delivered()),
        ("partly received", delivered().and(receive(Some(vec![of("A", 1)])))),
        ("released", released()),
        ("refunded from escrow", shipped().and(refund_escrow("r0", RefundOf::All))),
        ("refunded after release", released().and(refund_released("r0", RefundOf::All, Bearer::Merchant))),
        ("completed", released().on(day(15)).and(C::Complete { due: day(15) })),
        ("return requested", delivered().and(request_return("t1", None))),
        ("return accepted", accepted),
        ("goods returned", returned),
        ("exchange requested", delivered().and(exchange)),
        ("disputed", opened.clone()),
        ("disputed, unanswered", opened.on(day(3))),
        ("dispute answered", answered),
        ("ruled", ruled.clone()),
        ("appealed", ruled.and(appeal)),
        ("dispute closed", closed),
        ("charged back", banked.clone()),
        ("chargeback won", banked.clone().and(decided("k1", ChargebackOutcome::Won, 10_000, 1))),
        ("chargeback lost", banked.and(decided("k1", ChargebackOutcome::Lost, 10_000, 1))),
    ]
}

fn commands() -> Vec<(&'static str, C)> {
    let reason = || "r".to_owned();
    let dispute_id = || id("d1");
    let buyer = DisputeParty::Buyer;
    let refund_parts = || vec![support::sale::back("p1", "alipay", 100)];
    vec![
        ("Place", C::Place(basket())),
        ("Hold", C::Hold { reason: reason() }),
        ("Accept", C::Accept {}),
        ("Cancel all", cancel(None, "r1")),
        ("Cancel one piece", cancel(Some(vec![of("A", 1)]), "r1")),
        (
            "Cancel by the buyer",
            C::Cancel { lines: None, by: CancelledBy::Buyer, reason: reason(), refund: id("r1") },
        ),
        ("CancelUnfunded", C::CancelUnfunded { due: day(1) }),
        ("Fund", fund()),
        ("Ship", ship("s2", None)),
        ("ClearCustoms", C::ClearCustoms { shipment: id("s1"), duty: None, paid_by: None }),
        ("Deliver", C::Deliver { shipment: id("s1") }),
        ("ConfirmReceipt", receive(None)),
        ("ConfirmByTimeout", C::ConfirmByTimeout { shipment: id("s1"), due: day(10) }),
        ("RefuseReceipt", C::RefuseReceipt { lines: None, reason: reason() }),
        (
            "ReportException",
            C::ReportException { shipment: id("s1"), kind: ExceptionKind::Delayed, detail: None },
        ),
        ("ResolveException", C::ResolveException { shipment: id("s1"), resolution: reason() }),
        ("Release", C::Release {}),
        ("Complete", C::Complete { due: day(15) }),
        (
            "PostReview",
            C::PostReview { review: id("v1"), overall: 5, goods: None, service: None, delivery: None },
        ),
        ("RefundEscrow an amount", refund_escrow("r1", amount(100))),
        ("RefundEscrow all", refund_escrow("r1", RefundOf::All)),
        ("IssueRefund by merchant", refund_released("r1", amount(100), Bearer::Merchant)),
        ("IssueRefund by deposit", refund_released("r1", amount(100), Bearer::Deposit)),
        ("IssueRefund by platform", refund_released("r1", amount(100), Bearer::Platform)),
        ("PayRefund", C::PayRefund { refund: id("r0"), parts: refund_parts() }),
        ("FailRefund", C::FailRefund { refund: id("r0"), parts: refund_parts(), reason: reason() }),
        ("RerouteRefund", C::RerouteRefund { refund: id("r0"), to: id("bank"), reason: reason() }),
        ("RequestReturn", request_return("t2", None)),
        ("AcceptReturn", C::AcceptReturn { r#return: id("t1") }),
        ("AcceptReturnByTimeout", C::AcceptReturnByTimeout { r#return: id("t1"), due: day(3) }),
        ("RefuseReturn", C::RefuseReturn { r#return: id("t1"), reason: reason() }),
        ("RecordGoodsReturned", C::RecordGoodsReturned { r#return: id("t1"), lines: None }),
        (
            "ChargeReturnFreight",
            C::ChargeReturnFreight {
                r#return: id("t1"),
                amount: cny(1),
                to: PaidBy::Market,
                provider: id("sf"),
            },
        ),
        ("RequestExchange", C::RequestExchange { exchange: id("x2"), lines: None, reason: reason() }),
        (
            "ShipExchange",
            C::ShipExchange { exchange: id("x1"), shipment: id("s9"), carrier: None, tracking: None },
        ),
        ("RefuseExchange", C::RefuseExchange { exchange: id("x1"), reason: reason() }),
        ("OpenDispute", dispute("d2", None, None)),
        ("SubmitEvidence", C::SubmitEvidence { dispute: dispute_id(), by: buyer, document_ref: id("f1") }),
        ("AnswerDispute", answer("d1")),
        ("EscalateDispute", C::EscalateDispute { dispute: dispute_id(), by: buyer }),
        ("RuleDispute for buyer", rule("d1", RuledFor::Buyer, None)),
        ("RuleDispute for merchant", rule("d1", RuledFor::Merchant, None)),
        ("RuleUnanswered", C::RuleUnanswered { dispute: dispute_id(), due: day(3) }),
        (
            "AppealDispute",
            C::AppealDispute { dispute: dispute_id(), by: DisputeParty::Merchant, reason: reason() },
        ),
        ("UpholdRuling", C::UpholdRuling { dispute: dispute_id(), reason: reason() }),
        ("ReverseRuling", C::ReverseRuling { dispute: dispute_id(), reason: reason() }),
        ("WithdrawDispute", C::WithdrawDispute { dispute: dispute_id(), by: buyer }),
        ("CloseDispute", C::CloseDispute { dispute: dispute_id(), due: None }),
        ("OpenChargeback", chargeback("k2", 10_000)),
        ("CloseChargeback won", decided("k1", ChargebackOutcome::Won, 10_000, 1)),
        ("CloseChargeback lost", decided("k1", ChargebackOutcome::Lost, 10_000, 1)),
    ]
}

#[test]
fn every_state_answers_every_command() {
    let commands = commands();
    let mut table = String::new();
    for (name, state) in states() {
        table.push_str(&format!("{name} ({})\n", state.state.status()));
        for (asked, command) in &commands {
            let line = state.clone().when(command.clone()).in_a_line();
            table.push_str(&format!("  {asked:<24} {line}\n"));
        }
    }
    insta::assert_snapshot!("order_states_and_commands", table);
}

#[test]
fn every_command_survives_its_json() {
    for (name, command) in commands() {
        let json = serde_json::to_string(&command).expect("plain data");
        let read: C = serde_json::from_str(&json).unwrap_or_else(|e| panic!("{name}: {e} in {json}"));
        assert_eq!(read, command);
        let stray = json.replacen('{', "{\"stray\":1,", 1);
        assert!(serde_json::from_str::<C>(&stray).is_err(), "{name} takes a field it does not know");
    }
}

#[test]
fn no_command_but_the_first_changes_an_order_nobody_placed() {
    for (name, command) in commands().into_iter().skip(1) {
        let refused = nothing_yet().when(command).result;
        assert_eq!(refused.map_err(|r| r.code), Err("order_unknown"), "{name}");
    }
}
