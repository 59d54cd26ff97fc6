//! Every event type has its fixtures and its reader; every invariant its test.

use std::collections::BTreeMap;

use daybook_domain::posting::{Entry, post};
use daybook_domain::{Currency, Event, EventKind, Refs};

use super::sources::{files, none, read};

#[test]
fn every_event_type_has_a_complete_and_a_minimal_fixture_for_each_schema_version() {
    let fixtures = files("domain", &[".json"]);
    let mut missing = Vec::new();
    for kind in EventKind::ALL {
        for version in 1..=kind.schema() {
            for sort in ["complete", "minimal"] {
                let name = format!("{}.v{version}.{sort}.json", kind.as_str());
                if !fixtures.iter().any(|f| f.path.ends_with(&format!("/{name}"))) {
                    missing.push(name);
                }
            }
        }
    }
    none("a payload once stored must decode for ever; write its fixture:", &missing);
}

#[test]
fn every_event_type_that_names_a_position_says_so() {
    // of an account's lines, which are numbered in the account
    let others = [EventKind::SettlementClosed];
    let fixtures = files("domain", &[".json"]);
    let mut findings = Vec::new();
    for kind in EventKind::ALL.iter().filter(|kind| !others.contains(kind)) {
        let name = format!("/{}.v{}.complete.json", kind.as_str(), kind.schema());
        let fixture = fixtures.iter().find(|file| file.path.ends_with(&name));
        let text = fixture.map(|file| file.text.as_str()).unwrap_or_default();
        let named = ["\"through\":", "\"follows\":"].iter().any(|key| {
            let after = text.split(key).skip(1);
            after.map(str::trim_start).any(|value| value.starts_with(|c: char| c.is_ascii_digit()))
        });
        if named != kind.names_positions() {
            findings.push(kind.as_str().to_owned());
        }
    }
    none(
        "a journal whose events name positions is not copied to others (`EventKind::names_positions`):",
        &findings,
    );
}

/// Event types that no read model looks at, and why.
const NOT_ROUTED: &[(EventKind, &str)] = &[
    (
        EventKind::VisitorActed,
        "traffic: metrics count it when they are asked; models of money never decode it",
    ),
    (
        EventKind::MarketPackIssued,
        "it moves nothing: whoever got the pack reads it in the log, and `loan-pack redraw` draws the pack again",
    ),
    (
        EventKind::LiabilitiesStated,
        "it moves nothing: whoever checks it reads it in the log, and `verify` draws it up again from the books",
    ),
];

#[test]
fn every_event_type_is_routed_by_a_read_model_or_listed_as_not() {
    let unrouted = daybook_projections::models::unrouted();
    let forgotten = unrouted.iter().filter(|kind| !NOT_ROUTED.iter().any(|(listed, _)| listed == *kind));
    let routed = NOT_ROUTED.iter().filter(|(listed, _)| !unrouted.contains(listed));
    let findings: Vec<String> = forgotten
        .map(|kind| format!("{} is routed nowhere", kind.as_str()))
        .chain(routed.map(|(kind, _)| format!("{} is routed: take it off the list", kind.as_str())))
        .collect();
    none("what nobody shows nobody misses; route it or say why not:", &findings);
}

#[test]
fn every_money_event_posts_from_itself_alone_and_no_other_event_posts() {
    let refs: Refs = serde_json::from_str(
        r#"{"merchant":"m","order":"o","checkout":"c","buyer":"b","dispute":"d","campaign":"k","lead":"l"}"#,
    )
    .expect("a reference of each kind");
    let mut findings = Vec::new();
    for kind in EventKind::ALL {
        let path = format!("domain/fixtures/{}.v{}.complete.json", kind.as_str(), kind.schema());
        let event = Event::decode_kind(*kind, kind.schema(), &read(&path)).expect("a fixture decodes");
        let mut entries = Vec::new();
        post(&event, &refs, &mut entries);
        let mut sums: BTreeMap<Currency, i64> = BTreeMap::new();
        entries.iter().for_each(|e| *sums.entry(e.amount.currency).or_default() += e.amount.minor);
        if sums.values().any(|sum| *sum != 0) {
            findings.push(format!("{} does not balance: {sums:?}", kind.as_str()));
        }
        if entries.is_empty() == kind.posts() {
            findings.push(format!("{} posts {} entries", kind.as_str(), entries.len()));
        }
        let lost = |e: &&Entry<'_>| {
            e.account.dimension.is_empty() && e.account.chart_line().is_none_or(|l| l.dimension.is_some())
        };
        findings.extend(
            entries
                .iter()
                .filter(lost)
                .map(|e| format!("{} posts to {} without its dimension", kind.as_str(), e.account)),
        );
    }
    none("a money event carries all that its entries need:", &findings);
}

/// Events that move money at a provider or a bank and that no statement line answers, and why.
const NOT_ON_STATEMENTS: &[(&str, &str)] =
    &[("JournalVoucher", "the books' own answer to a statement"), ("BreakResolved", "likewise")];

#[test]
fn what_moves_at_a_provider_or_a_bank_is_looked_for_on_statements() {
    let refs = Refs::default();
    let mut findings = Vec::new();
    for kind in EventKind::ALL {
        let path = format!("domain/fixtures/{}.v{}.complete.json", kind.as_str(), kind.schema());
        let event = Event::decode_kind(*kind, kind.schema(), &read(&path)).expect("a fixture decodes");
        let mut entries = Vec::new();
        post(&event, &refs, &mut entries);
        let outside = |e: &Entry<'_>| {
            let account = e.account.to_string();
            account.starts_with("Assets:Bank:") || account.starts_with("Assets:Provider:")
        };
        let listed = NOT_ON_STATEMENTS.iter().any(|(left_out, _)| *left_out == kind.as_str());
        let known = daybook_reconciliation::books::KINDS.contains(&kind.as_str());
        if entries.iter().any(outside) && !known && !listed {
            findings.push(kind.as_str().to_owned());
        }
    }
    none("a bank's line would stay a break for ever; reconcile it or say why not:", &findings);
}

/// The invariants of the ledger that apply so far, each with a test that breaks when it does not hold: the file
/// and the test.
const INVARIANTS: &[(u8, &str, &str, &str)] = &[
    (
        1,
        "entries sum to zero",
        "domain/tests/posting.rs",
        "the_entries_of_every_event_sum_to_zero_in_each_currency",
    ),
    (
        1,
        "state equals books",
        "domain/tests/order_histories/main.rs",
        "any_history_keeps_every_invariant_of_an_order",
    ),
    (
        1,
        "state equals books",
        "domain/tests/account_histories.rs",
        "no_balance_is_ever_below_zero_and_each_equals_its_account",
    ),
    (
        2,
        "escrow is never negative, zero at the end",
        "domain/tests/order_histories/main.rs",
        "any_history_keeps_every_invariant_of_an_order",
    ),
    (
        3,
        "a checkout loses no cent",
        "domain/tests/checkout/histories.rs",
        "no_cent_is_lost_whatever_is_asked",
    ),
    (
        3,
        "an order's flow adds up",
        "market/src/verify/tests.rs",
        "every_bent_figure_is_found_by_its_invariant",
    ),
    (
        4,
        "refunds telescope to zero",
        "domain/tests/order_histories/main.rs",
        "any_series_of_partial_refunds_telescopes_to_exactly_zero",
    ),
    (
        5,
        "balances are never negative",
        "domain/tests/account_histories.rs",
        "no_balance_is_ever_below_zero_and_each_equals_its_account",
    ),
    (6, "what is open is listed", "market/src/verify/tests.rs", "what_is_open_is_listed_and_no_violation"),
    (
        7,
        "a merchant has what it earned",
        "market/src/verify/tests.rs",
        "what_a_merchant_has_must_be_what_it_earned",
    ),
    (
        8,
        "a settlement can be derived again",
        "market/src/verify/tests.rs",
        "a_settlement_is_derived_again_and_must_equal_the_one_that_was_closed",
    ),
    (
        9,
        "a freeze keeps money",
        "domain/tests/order_disputes.rs",
        "a_dispute_keeps_its_lines_from_release_and_only_its_lines",
    ),
    (9, "a freeze keeps money", "market/src/verify/tests.rs", "a_release_under_an_open_dispute_is_found"),
    (
        10,
        "a command has one effect",
        "commands/tests/handler.rs",
        "a_command_sent_twice_has_one_effect_and_one_answer",
    ),
    (
        11,
        "what is acknowledged stays",
        "journal/tests/crash.rs",
        "no_acknowledged_append_is_lost_or_doubled_when_the_process_is_killed",
    ),
    (12, "rebuilt equals live", "projections/tests/equality.rs", "live_equals_rebuilt_equals_as_of_the_head"),
];

#[test]
fn each_invariant_names_its_test() {
    let mut findings = Vec::new();
    for (number, holds, file, test) in INVARIANTS {
        if !read(file).contains(&format!("fn {test}(")) {
            findings.push(format!("{number} ({holds}): no test {test} in {file}"));
        }
    }
    for number in 1..=12u8 {
        if !INVARIANTS.iter().any(|(n, ..)| *n == number) {
            findings.push(format!("invariant {number} names no test"));
        }
    }
    none("an invariant without a test is a wish:", &findings);
}
