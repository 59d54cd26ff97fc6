//! Deposits: what may be asked, and that the state equals the books.
#![allow(clippy::inconsistent_digit_grouping)] // 100_00 is 100.00

mod support;

use daybook_domain::deposit::Deposit;
use daybook_domain::deposit::commands::DepositCommand;
use daybook_domain::deposit::events::*;
use daybook_domain::{Aggregate, Facts, MerchantFacts, Money};
use proptest::prelude::*;
use support::{Books, Scenario, at, cny, given, id, noon, usd};

fn require(minor: i64) -> DepositCommand {
    DepositCommand::Require { amount: cny(minor) }
}

fn pay(minor: i64, reference: &str) -> DepositCommand {
    DepositCommand::Pay { amount: cny(minor), provider: id("alipay"), provider_ref: id(reference) }
}

fn freeze(hold: &str, minor: i64) -> DepositCommand {
    DepositCommand::Freeze {
        hold: id(hold),
        amount: cny(minor),
        reason: "dispute".to_owned(),
        order: Some(id("o1")),
    }
}

fn release(hold: &str) -> DepositCommand {
    DepositCommand::Release { hold: id(hold), keep: None }
}

fn deduct(minor: i64, hold: Option<&str>) -> DepositCommand {
    let to = DeductedTo::Buyer { order: id("o1") };
    DepositCommand::Deduct { amount: cny(minor), hold: hold.map(id), reason: "ruled".to_owned(), to }
}

fn refund(minor: Option<i64>, reference: &str) -> DepositCommand {
    DepositCommand::Refund { amount: minor.map(cny), provider: id("alipay"), provider_ref: id(reference) }
}

fn restore(order: &str, dispute: &str, minor: i64) -> DepositCommand {
    DepositCommand::Restore {
        order: id(order),
        dispute: id(dispute),
        amount: cny(minor),
        reason: "reversed".to_owned(),
    }
}

fn empty() -> Scenario<Deposit> {
    given("m1", [])
}

fn paid() -> Scenario<Deposit> {
    empty().and(require(100_00)).and(pay(100_00, "r1"))
}

fn left_on(text: &str) -> Facts {
    let merchant =
        MerchantFacts { open: false, suspended_for: None, terminated_at: Some(at(text)), schedule: None };
    Facts { merchant: Some(merchant), ..Facts::default() }
}

#[test]
fn a_deposit_is_satisfied_by_free_and_held_money_together() {
    let short = empty().and(require(100_00)).and(pay(60_00, "r1"));
    assert_eq!(short.state.missing(), Some(cny(40_00)));
    assert_eq!(short.state.status(), "short");
    let full = short.and(pay(40_00, "r2")).and(freeze("h1", 30_00));
    assert!(full.state.satisfied());
    assert_eq!(full.state.balance(), Some(cny(70_00)));
    assert_eq!(full.state.frozen(), Some(cny(30_00)));
}

#[test]
fn a_provider_reference_is_used_once() {
    paid().when(pay(100_00, "r1")).nothing();
    paid().when(pay(5_00, "r1")).refused("provider_ref_used");
}

#[test]
fn a_claim_above_the_deposit_holds_what_there_is() {
    paid().when(freeze("h1", 250_00)).then([DepositFrozen {
        hold: id("h1"),
        amount: cny(100_00),
        reason: "dispute".to_owned(),
        order: Some(id("o1")),
    }
    .into()]);
    paid().and(freeze("h1", 250_00)).when(freeze("h2", 1_00)).nothing();
}

#[test]
fn what_is_left_of_a_hold_after_a_deduction_stays_held_until_it_is_released() {
    let held = paid().and(freeze("h1", 50_00)).and(deduct(20_00, Some("h1")));
    assert_eq!(held.state.frozen(), Some(cny(30_00)));
    assert_eq!(held.state.balance(), Some(cny(50_00)));
    let free = held.when(release("h1")).then([DepositReleased { hold: id("h1"), amount: cny(30_00) }.into()]);
    assert_eq!(free.state.balance(), Some(cny(80_00)));
    free.when(release("h1")).nothing();
}

#[test]
fn a_hold_keeps_what_its_claim_still_needs_and_frees_the_rest() {
    let keep = |minor| DepositCommand::Release { hold: id("h1"), keep: Some(cny(minor)) };
    let held = paid().and(freeze("h1", 50_00));
    let less = held.when(keep(20_00)).then([DepositReleased { hold: id("h1"), amount: cny(30_00) }.into()]);
    assert_eq!(less.state.frozen(), Some(cny(20_00)));
    less.clone().when(keep(20_00)).nothing();
    less.clone().when(keep(40_00)).nothing();
    less.clone().when(keep(-1)).refused("amount_negative");
    less.when(release("h1")).then([DepositReleased { hold: id("h1"), amount: cny(20_00) }.into()]);
}

#[test]
fn nothing_is_deducted_beyond_the_hold_or_beyond_what_is_free() {
    let held = paid().and(freeze("h1", 50_00));
    held.clone().when(deduct(50_01, Some("h1"))).refused("deposit_insufficient");
    held.clone().when(deduct(50_01, None)).refused("deposit_insufficient");
    held.clone().when(deduct(50_00, None)).then_kinds(&["DepositDeducted"]);
    held.when(deduct(1, Some("h9"))).refused("hold_unknown");
}

#[test]
fn a_deposit_goes_back_only_when_the_merchant_has_left_and_no_claim_can_come() {
    paid().when(refund(None, "b1")).refused("merchant_not_terminated");
    let early = paid().knowing(left_on("2018-01-01T00:00:00Z"));
    early.clone().when(refund(None, "b1")).refused("chargeback_window_open");
    let after = early.on(at("2018-05-01T00:00:00Z"));
    after.clone().and(freeze("h1", 1)).when(refund(None, "b1")).refused("deposit_frozen");
    let back = DepositRefunded { amount: cny(100_00), provider: id("alipay"), provider_ref: id("b1") };
    let gone = after.when(refund(None, "b1")).then([back.into()]);
    gone.clone().when(refund(None, "b1")).nothing();
    gone.when(refund(None, "b2")).nothing();
}

#[test]
fn a_refund_never_exceeds_what_is_left() {
    let left = paid().knowing(left_on("2017-01-01T00:00:00Z"));
    left.when(refund(Some(100_01), "b1")).refused("deposit_insufficient");
}

#[test]
fn an_import_waives_the_window_but_not_the_money() {
    let history = paid().importing();
    history.clone().when(refund(Some(100_01), "b1")).refused("deposit_insufficient");
    history.clone().and(freeze("h1", 1)).when(refund(None, "b1")).refused("deposit_frozen");
    history.when(refund(None, "b1")).then_kinds(&["DepositRefunded"]);
}

#[test]
fn a_hold_of_the_account_tops_the_deposit_up_once() {
    let command = |minor| DepositCommand::PayFromBalance { hold: id("b1"), amount: cny(minor) };
    let topped = empty().and(require(50_00)).and(command(50_00));
    assert!(topped.state.satisfied());
    topped.clone().when(command(50_00)).nothing();
    topped.when(command(60_00)).refused("amount_differs");
}

#[test]
fn a_reversed_ruling_gives_back_once_per_dispute() {
    let bore = paid().and(deduct(30_00, None));
    let back = bore.and(restore("o1", "d1", 30_00));
    assert_eq!(back.state.balance(), Some(cny(100_00)));
    back.clone().when(restore("o1", "d1", 30_00)).nothing();
    back.when(restore("o1", "d1", 20_00)).refused("amount_differs");
}

#[test]
fn disputes_of_two_orders_may_have_the_same_id() {
    let bore = paid().and(deduct(50_00, None));
    let back = bore.and(restore("o1", "d1", 30_00)).and(restore("o2", "d1", 20_00));
    assert_eq!(back.state.balance(), Some(cny(100_00)));
    back.when(restore("o2", "d1", 20_00)).nothing();
}

#[test]
fn another_currency_is_refused() {
    let dollars = DepositCommand::Pay { amount: usd(1_00), provider: id("alipay"), provider_ref: id("r9") };
    paid().when(dollars).refused("currency_mismatch");
    paid().when(DepositCommand::Require { amount: usd(1_00) }).refused("currency_mismatch");
}

#[test]
fn every_state_answers_every_command() {
    let states: Vec<(&str, Scenario<Deposit>)> = vec![
        ("absent", empty()),
        ("required", empty().and(require(100_00))),
        ("paid", paid()),
        ("held", paid().and(freeze("h1", 40_00))),
        ("hold used", paid().and(freeze("h1", 40_00)).and(deduct(40_00, Some("h1")))),
        ("all held", paid().and(freeze("h1", 100_00))),
        ("empty", paid().and(deduct(100_00, None))),
        ("left long ago", paid().knowing(left_on("2017-01-01T00:00:00Z"))),
    ];
    let commands: Vec<(&str, DepositCommand)> = vec![
        ("require the same", require(100_00)),
        ("require more", require(200_00)),
        ("pay", pay(10_00, "r2")),
        ("pay again", pay(100_00, "r1")),
        ("pay from balance", DepositCommand::PayFromBalance { hold: id("b1"), amount: cny(1_00) }),
        ("freeze", freeze("h2", 10_00)),
        ("freeze again", freeze("h1", 40_00)),
        ("release", release("h1")),
        ("deduct held", deduct(10_00, Some("h1"))),
        ("deduct free", deduct(10_00, None)),
        ("deduct nothing", deduct(0, None)),
        ("refund all", refund(None, "b1")),
        ("refund part", refund(Some(1_00), "b1")),
        ("restore", restore("o1", "d1", 1_00)),
    ];
    let mut table = String::new();
    for (name, state) in &states {
        table.push_str(&format!("{name} ({})\n", state.state.status()));
        for (asked, command) in &commands {
            let line = state.clone().when(command.clone()).in_a_line();
            table.push_str(&format!("  {asked:<17} {line}\n"));
        }
    }
    insta::assert_snapshot!("deposit_states_and_commands", table);
}

fn any_command() -> impl Strategy<Value = DepositCommand> {
    let name = |prefix: &'static str| (0..4u8).prop_map(move |n| format!("{prefix}{n}"));
    let minor = -5..200i64;
    prop_oneof![
        (0..300i64).prop_map(require),
        (minor.clone(), name("r")).prop_map(|(m, r)| pay(m, &r)),
        (minor.clone(), name("b"))
            .prop_map(|(m, h)| DepositCommand::PayFromBalance { hold: id(&h), amount: cny(m) }),
        (minor.clone(), name("h")).prop_map(|(m, h)| freeze(&h, m)),
        name("h").prop_map(|h| release(&h)),
        (minor.clone(), proptest::option::of(name("h"))).prop_map(|(m, h)| deduct(m, h.as_deref())),
        (minor.clone(), name("b")).prop_map(|(m, r)| refund(Some(m), &r)),
        (minor, name("o"), name("d")).prop_map(|(m, o, d)| restore(&o, &d, m)),
    ]
}

proptest! {
    #[test]
    fn a_deposit_is_never_below_zero_and_equals_its_accounts(
        commands in proptest::collection::vec(any_command(), 0..60),
        import in any::<bool>(),
    ) {
        let mut deposit = given::<Deposit>("m1", []).knowing(left_on("2017-01-01T00:00:00Z"));
        deposit.import = import;
        let mut books = Books::default();
        for command in commands {
            if let Ok(events) = deposit.ask(&command) {
                books.book(&deposit.state, &events);
                let again = deposit.clone().ask(&command);
                if matches!(command, DepositCommand::Pay { .. } | DepositCommand::Freeze { .. }) {
                    prop_assert_eq!(again, Ok(Vec::new()), "sent twice: {:?}", command);
                }
            }
            let zero = cny(0);
            let free = deposit.state.balance().unwrap_or(zero);
            let frozen = deposit.state.frozen().unwrap_or(zero);
            prop_assert!(free.minor >= 0 && frozen.minor >= 0);
            prop_assert!(deposit.state.holds().iter().all(|h| h.left.minor >= 0));
            let owed = |name: &str| Money::new(-books.balance(&format!("Liabilities:{name}:m1"), zero.currency), zero.currency);
            prop_assert_eq!(free, owed("Deposit"));
            prop_assert_eq!(frozen, owed("DepositFrozen"));
        }
        prop_assert!(deposit.now == noon());
    }
}
