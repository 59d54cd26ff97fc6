//! Inquiries and who answers them.

mod support;

use daybook_domain::Aggregate;
use daybook_domain::inquiry::Inquiry;
use daybook_domain::inquiry::commands::InquiryCommand as Ask;
use support::{Scenario, given, id, product};

fn open(merchant: &str) -> Ask {
    Ask::Open {
        merchant: id(merchant),
        topic: id("delivery"),
        visitor: Some(id("v1")),
        buyer: None,
        agent: None,
    }
}

fn answer() -> Ask {
    Ask::Answer { agent: id("agent-3") }
}

fn violation() -> Ask {
    Ask::RecordViolation { agent: id("agent-3"), rule: id("late"), note: None }
}

fn new() -> Scenario<Inquiry> {
    given("q1", [])
}

#[test]
fn somebody_asks_a_merchant_and_agents_answer_until_it_is_closed() {
    let nobody = Ask::Open { merchant: id("m1"), topic: id("x"), visitor: None, buyer: None, agent: None };
    new().when(nobody).refused("nobody_asks");
    let open_one = new().and(open("m1"));
    open_one.clone().when(open("m1")).nothing();
    open_one.clone().when(open("m2")).refused("inquiry_known");
    let other =
        Ask::Open { merchant: id("m1"), topic: id("x"), visitor: Some(id("v2")), buyer: None, agent: None };
    open_one.clone().when(other).refused("inquiry_known");
    let closed = open_one.and(answer()).and(answer()).and(Ask::Close {});
    assert_eq!((closed.state.merchant(), closed.state.refs().visitor), (Some(id("m1")), Some(id("v1"))));
    closed.clone().when(answer()).refused("inquiry_closed");
    closed.when(violation()).then_kinds(&["ViolationRecorded"]);
}

#[test]
fn every_state_answers_every_command() {
    let states = [
        ("unknown", new()),
        ("open", new().and(open("m1"))),
        ("answered", new().and(open("m1")).and(answer())),
        ("closed", new().and(open("m1")).and(Ask::Close {})),
    ];
    let commands = [
        ("open", open("m1")),
        ("answer", answer()),
        ("close", Ask::Close {}),
        ("record_violation", violation()),
    ];
    insta::assert_snapshot!("inquiry_states_and_commands", product(&states, &commands));
}
