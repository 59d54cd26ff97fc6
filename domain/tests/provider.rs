//! A provider's statements and breaks.

mod support;

use daybook_domain::books::events::{Side, VoucherEntry};
use daybook_domain::provider::Provider;
use daybook_domain::provider::commands::{ProviderCommand as Ask, StatementResult};
use daybook_domain::provider::events::*;
use support::{Books, Scenario, at, cny, currency, given, id, noon, product};

fn file(digest: &str, results: u64) -> Ask {
    Ask::Import(StatementImported {
        digest: id(digest),
        side: StatementSide::Provider,
        format: id("wechat_bill"),
        account: "190001".into(),
        lines: 2,
        totals: vec![StatementTotals {
            currency: currency("CNY"),
            lines: 2,
            gross: cny(6_000),
            fee: cny(36),
            net: cny(5_964),
            opening: None,
            closing: None,
        }],
        results,
        from: at("2018-02-28T16:00:00Z"),
        to: at("2018-03-01T16:00:00Z"),
        through: 7,
        window_seconds: 259_200,
        number: None,
    })
}

fn line() -> StatementLine {
    StatementLine {
        line: 2,
        kind: id("payment"),
        reference: "4200001".into(),
        gross: cny(10_000),
        fee: cny(60),
        net: cny(9_940),
        at: noon(),
        ours: None,
        file: None,
        other_references: None,
        other_ours: None,
        words: None,
        day_only: None,
    }
}

fn matched() -> StatementResult {
    let entry = BooksEntry {
        entry: id("e1/0"),
        stream: "checkout-c1".into(),
        kind: id("payment"),
        reference: "4200001".into(),
        gross: cny(10_000),
        fee: cny(60),
        at: noon(),
    };
    StatementResult::Matched { reason: MatchReason::Reference, lines: vec![line()], entries: vec![entry] }
}

fn missing(name: &str, digest: &str) -> StatementResult {
    StatementResult::Break(BreakFound {
        r#break: id(name),
        digest: id(digest),
        kind: BreakKind::MissingHere,
        amount: cny(9_940),
        since: noon(),
        lines: vec![line()],
        entries: Vec::new(),
        detail: "the books have no such payment".into(),
    })
}

fn record(digest: &str, after: u64, results: Vec<StatementResult>) -> Ask {
    Ask::Record { digest: id(digest), after, results }
}

fn resolve(how: Resolution, entries: Vec<VoucherEntry>) -> Ask {
    let voucher = (how == Resolution::Voucher).then(|| id("v1"));
    Ask::Resolve { r#break: id("k1"), how, note: "their fee".into(), by: id("li"), entries, voucher }
}

fn fee() -> Vec<VoucherEntry> {
    let entry = |account, side| VoucherEntry { account: id(account), side, amount: cny(1_500) };
    vec![
        entry("Expenses:ProviderFee:wechatpay", Side::Debit),
        entry("Assets:Provider:wechatpay", Side::Credit),
    ]
}

fn new() -> Scenario<Provider> {
    given("wechatpay", [])
}

fn with_break() -> Scenario<Provider> {
    new().and(file("f1", 2)).and(record("f1", 0, vec![matched(), missing("k1", "f1")]))
}

#[test]
fn a_file_is_taken_once_and_recorded_in_order() {
    let taken = new().when(file("f1", 2)).then_kinds(&["StatementImported"]);
    taken.clone().when(file("f1", 2)).nothing();
    // nothing else begins before it is whole
    taken.clone().when(file("f2", 0)).refused("statement_unfinished");
    taken.clone().when(record("f2", 0, vec![matched()])).refused("statement_unknown");
    taken.clone().when(record("f1", 1, vec![matched()])).refused("results_out_of_order");
    taken.clone().when(record("f1", 0, vec![])).refused("results_out_of_bounds");
    let three = vec![matched(), matched(), matched()];
    taken.clone().when(record("f1", 0, three)).refused("results_out_of_order");
    let half = taken.when(record("f1", 0, vec![matched()])).then_kinds(&["StatementLineMatched"]);
    // sent again it is known, and what goes on goes on
    half.clone().when(record("f1", 0, vec![matched()])).nothing();
    assert_eq!(half.state.progress(id("f1")), Some((1, 2)));
    let whole = half.when(record("f1", 1, vec![missing("k1", "f1")])).then_kinds(&["BreakFound"]);
    assert_eq!(whole.state.unfinished(), None);
    whole.when(file("f2", 0)).then_kinds(&["StatementImported"]);
}

#[test]
fn totals_and_periods_that_are_wrong_in_themselves_are_refused() {
    let Ask::Import(good) = file("f1", 0) else { unreachable!("an import") };
    let mut bad = good.clone();
    bad.totals[0].net = cny(5_965);
    new().when(Ask::Import(bad)).refused("totals_wrong");
    let backwards = StatementImported { from: good.to, to: good.from, ..good };
    new().when(Ask::Import(backwards)).refused("period_backwards");
}

#[test]
fn a_match_needs_both_sides_and_a_break_its_own_name_and_file() {
    let taken = new().and(file("f1", 2));
    let StatementResult::Matched { reason, lines, .. } = matched() else { unreachable!("a match") };
    let alone = StatementResult::Matched { reason, lines, entries: Vec::new() };
    taken.clone().when(record("f1", 0, vec![alone])).refused("match_empty");
    taken.clone().when(record("f1", 0, vec![missing("k1", "f2")])).refused("break_elsewhere");
    let one = taken.and(record("f1", 0, vec![missing("k1", "f1")]));
    one.when(record("f1", 1, vec![missing("k1", "f1")])).refused("break_exists");
}

#[test]
fn an_explanation_takes_one_person_and_entries_take_two() {
    let open = with_break();
    open.clone().by("li").when(resolve(Resolution::Explained, vec![])).then_kinds(&["BreakResolved"]);
    for how in [Resolution::Corrected, Resolution::Voucher] {
        open.clone().by("li").when(resolve(how, vec![])).refused("same_person");
        open.clone().by("chen").when(resolve(how, vec![])).then_kinds(&["BreakResolved"]);
    }
    open.clone().by("li").when(resolve(Resolution::Posted, fee())).refused("same_person");
    open.clone().by("chen").when(resolve(Resolution::Posted, vec![])).refused("entries_misplaced");
    open.clone().by("chen").when(resolve(Resolution::Corrected, fee())).refused("entries_misplaced");
    open.clone()
        .by("chen")
        .when(resolve(Resolution::Posted, fee()[..1].to_vec()))
        .refused("voucher_too_short");
    let mut kept = fee();
    kept[1].account = id("Liabilities:Escrow:o1");
    open.clone().by("chen").when(resolve(Resolution::Posted, kept)).refused("account_kept_by_stream");
    let resolved = open.by("chen").when(resolve(Resolution::Posted, fee()));
    let mut books = Books::default();
    books.book(&resolved.after.state, resolved.result.as_ref().expect("accepted"));
    assert_eq!(books.balance("Expenses:ProviderFee:wechatpay", currency("CNY")), 1_500);
    assert_eq!(books.balance("Assets:Provider:wechatpay", currency("CNY")), -1_500);
    resolved.after.when(resolve(Resolution::Posted, fee())).refused("break_resolved");
    new().when(resolve(Resolution::Explained, vec![])).refused("break_unknown");
}

#[test]
fn nothing_is_resolved_while_a_file_is_recorded_in_part_and_arrivals_are_found_by_files_alone() {
    let open = with_break();
    open.clone().by("chen").when(resolve(Resolution::ArrivedLater, vec![])).refused("arrived_by_hand");
    // the results of the second file name the break that a hand would take away
    let under_way = open.and(file("f2", 2));
    under_way.clone().by("li").when(resolve(Resolution::Explained, vec![])).refused("statement_unfinished");
    under_way.clone().by("chen").when(resolve(Resolution::Posted, fee())).refused("statement_unfinished");
    let arrived = StatementResult::Arrived { r#break: id("k1") };
    under_way
        .when(record("f2", 0, vec![matched(), arrived]))
        .then_kinds(&["StatementLineMatched", "BreakResolved"]);
}

#[test]
fn a_later_file_brings_what_an_earlier_one_lacked() {
    let later = with_break().and(file("f2", 2));
    let arrived = || StatementResult::Arrived { r#break: id("k1") };
    let done = later
        .when(record("f2", 0, vec![matched(), arrived()]))
        .then_kinds(&["StatementLineMatched", "BreakResolved"]);
    assert_eq!((done.state.unfinished(), done.state.progress(id("f2"))), (None, Some((2, 2))));
}

#[test]
fn every_state_answers_every_command() {
    let states = [
        ("new", new()),
        ("imported in part", new().and(file("f1", 2))),
        ("with a break", with_break()),
        ("resolved", with_break().by("chen").and(resolve(Resolution::Posted, fee()))),
    ];
    let commands = [
        ("import", file("f1", 2)),
        ("import another", file("f2", 0)),
        ("record", record("f1", 0, vec![matched(), missing("k1", "f1")])),
        ("explain", resolve(Resolution::Explained, vec![])),
        ("post", resolve(Resolution::Posted, fee())),
    ];
    let states = states.map(|(name, state)| (name, state.by("chen")));
    insta::assert_snapshot!(product(&states, &commands), @r"
    new (reconciled)
      import          StatementImported
      import another  StatementImported
      record          refused: statement_unknown
      explain         refused: break_unknown
      post            refused: break_unknown
    imported in part (importing)
      import          already so
      import another  refused: statement_unfinished
      record          StatementLineMatched, BreakFound
      explain         refused: break_unknown
      post            refused: break_unknown
    with a break (breaks_open)
      import          already so
      import another  StatementImported
      record          already so
      explain         BreakResolved
      post            BreakResolved
    resolved (reconciled)
      import          already so
      import another  StatementImported
      record          already so
      explain         refused: break_resolved
      post            refused: break_resolved
    ");
}
