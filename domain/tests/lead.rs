//! Leads: captured, qualified, won or lost.

mod support;

use daybook_domain::Aggregate;
use daybook_domain::lead::commands::LeadCommand as Ask;
use daybook_domain::lead::{Lead, LeadStage};
use support::{Scenario, given, id, noon, product};

fn capture() -> Ask {
    Ask::Capture { origin: id("organic_search"), first_contact: noon(), landing: None }
}

fn win(merchant: &str) -> Ask {
    Ask::Win { merchant: id(merchant), segment: Some(id("toys")), r#type: None }
}

fn lose() -> Ask {
    Ask::Lose { reason: "too small".to_owned() }
}

fn new() -> Scenario<Lead> {
    given("l1", [])
}

#[test]
fn a_lead_is_won_after_it_was_qualified_and_points_to_its_merchant() {
    new().when(win("m1")).refused("lead_unknown");
    let captured = new().and(capture());
    captured.clone().when(win("m1")).refused("wrong_stage");
    let won = captured.and(Ask::Qualify {}).and(win("m1"));
    assert_eq!((won.state.stage(), won.state.merchant()), (LeadStage::Won, Some(id("m1"))));
    let refs = won.state.refs();
    assert_eq!((refs.lead, refs.merchant), (Some(id("l1")), Some(id("m1"))));
    won.clone().when(win("m1")).nothing();
    won.when(win("m2")).refused("wrong_stage");
}

#[test]
fn another_system_may_not_have_recorded_that_a_lead_was_qualified() {
    new().importing().and(capture()).when(win("m1")).then_kinds(&["LeadWon"]);
    new().importing().when(win("m1")).refused("lead_unknown");
}

#[test]
fn a_lost_lead_stays_lost() {
    let lost = new().and(capture()).and(lose());
    lost.clone().when(lose()).nothing();
    lost.clone().when(Ask::Qualify {}).refused("wrong_stage");
    lost.importing().when(win("m1")).refused("wrong_stage");
    new().and(capture()).when(Ask::Lose { reason: " ".to_owned() }).refused("text_empty");
}

#[test]
fn every_state_answers_every_command() {
    let captured = || new().and(capture());
    let states = [
        ("unknown", new()),
        ("captured", captured()),
        ("qualified", captured().and(Ask::Qualify {})),
        ("won", captured().and(Ask::Qualify {}).and(win("m1"))),
        ("lost", captured().and(lose())),
    ];
    let commands =
        [("capture", capture()), ("qualify", Ask::Qualify {}), ("win", win("m1")), ("lose", lose())];
    insta::assert_snapshot!("lead_states_and_commands", product(&states, &commands));
}
