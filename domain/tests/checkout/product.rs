//! Every state answers every command: the table shows what each does.

use daybook_domain::Aggregate;
use daybook_domain::checkout::Checkout;
use daybook_domain::checkout::commands::CheckoutCommand;

use super::support::{Scenario, id, noon, usd};
use super::*;

fn states() -> Vec<(&'static str, Scenario<Checkout>)> {
    let due = noon().plus_days(1);
    let covered = || basket(&[60_00, 40_00]).and(capture("p1", 100_00));
    vec![
        ("absent", absent()),
        ("open", basket(&[60_00, 40_00])),
        ("without orders", basket(&[])),
        ("authorised", basket(&[60_00, 40_00]).and(authorise("p1", 100_00))),
        ("part paid", basket(&[60_00, 40_00]).and(capture("p1", 50_00))),
        ("covered", covered()),
        ("overpaid", basket(&[60_00, 40_00]).and(capture("p1", 105_00))),
        ("one order refused", covered().and(return_allocation("o1"))),
        ("charged back", covered().and(chargeback("k1", "p1", 100_00, 1))),
        ("chargeback won", covered().and(chargeback("k1", "p1", 100_00, 1)).and(win("k1", 1))),
        ("chargeback lost", covered().and(chargeback("k1", "p1", 100_00, 1)).and(lose("k1", 1))),
        ("expired", basket(&[60_00, 40_00]).on(due).and(CheckoutCommand::Expire { due })),
        ("cancelled", basket(&[60_00, 40_00]).and(capture("p1", 50_00)).and(cancel())),
        ("refunded", basket(&[60_00, 40_00]).and(capture("p1", 50_00)).and(cancel()).and(refund_all())),
    ]
}

fn commands() -> Vec<(&'static str, CheckoutCommand)> {
    let void = CheckoutCommand::Void { payment: id("p1"), reason: None };
    let fail =
        CheckoutCommand::FailPayment { payment: id("p1"), provider: id("bank"), reason: "no".to_owned() };
    let review = CheckoutCommand::PostReview {
        review: id("v1"),
        overall: 4,
        goods: None,
        service: None,
        delivery: None,
    };
    vec![
        ("open the same", open(&[60_00, 40_00])),
        ("open another", open(&[1])),
        ("authorise", authorise("p2", 1_00)),
        ("void", void),
        ("capture all", capture("p2", 100_00)),
        ("capture part", capture("p2", 1_00)),
        ("capture abroad", capture_money("p2", usd(1_00), "r2")),
        ("use stored value", stored_value("g1", 10_00)),
        ("fail", fail),
        ("reverse", reverse("p1", 5_00)),
        ("change due", change_due("o1", 10_00)),
        ("accept shortfall", accept_shortfall(50_00)),
        ("recognise", recognise(5_00)),
        ("return", return_allocation("o1")),
        ("refund all", refund_all()),
        ("refund part", refund("p1", 5_00)),
        ("expire", CheckoutCommand::Expire { due: noon().plus_days(1) }),
        ("cancel", cancel()),
        ("review", review),
        ("charge back", chargeback("k2", "p1", 10_00, 1)),
        ("win", win("k1", 1)),
        ("lose", lose("k1", 1)),
    ]
}

#[test]
fn every_state_answers_every_command() {
    let mut table = String::new();
    for (name, state) in states() {
        table.push_str(&format!("{name} ({})\n", state.state.status()));
        for (asked, command) in commands() {
            let line = state.clone().on(noon().plus_days(1)).when(command).in_a_line();
            table.push_str(&format!("  {asked:<17} {line}\n"));
        }
    }
    insta::assert_snapshot!("checkout_states_and_commands", table);
}
