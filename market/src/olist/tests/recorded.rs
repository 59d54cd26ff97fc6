use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use daybook_commands::{Commands, Options};
use daybook_domain::posting::{Entry, post};
use daybook_domain::{Event, MarketId, Rate, Refs};
use daybook_journal::kurrentdb::standin::Standin;
use daybook_journal::{Filter, MemoryJournal, kurrentdb};

use super::Folder;
use crate::olist::import::record as record_plan;
use crate::olist::{ImportError, Plan, Report, import};
use crate::{Market, Options as MarketOptions};

fn commands() -> Arc<Commands> {
    let market = MarketId::new("olist").expect("an id");
    Arc::new(Commands::new(Arc::new(MemoryJournal::new()), Options::new(market)))
}

async fn record(commands: &Arc<Commands>, folder: &Path) -> Report {
    let plan = Plan::read(folder, Rate::new(10, 2)).expect("sound input");
    record_plan(commands, &plan, |_, _| {}).await.expect("recorded")
}

/// The events of one stream, as `kind at time`.
fn story(commands: &Commands, stream: &str) -> Vec<String> {
    let mut story = Vec::new();
    let visit = &mut |event: daybook_journal::Recorded<'_>| {
        story.push(format!("{} {}", event.kind, daybook_domain::Timestamp(event.occurred_at)));
        ControlFlow::Continue(())
    };
    commands.journal().read_stream(stream, 0, visit).expect("readable");
    story
}

/// Balances by account, in minor units; zero balances are left out.
fn books(commands: &Commands) -> BTreeMap<String, i64> {
    let mut books = BTreeMap::new();
    let visit = &mut |recorded: daybook_journal::Recorded<'_>| {
        let event = Event::decode(recorded.kind, recorded.schema, recorded.data).expect("decodes");
        let refs: Refs = serde_json::from_str(recorded.refs).expect("decodes");
        let mut entries: Vec<Entry<'_>> = Vec::new();
        post(&event, &refs, &mut entries);
        for entry in entries {
            *books.entry(entry.account.to_string()).or_insert(0) += entry.amount.minor;
        }
        ControlFlow::Continue(())
    };
    commands.journal().scan(0, None, &Filter::default(), visit).expect("readable");
    books.retain(|_, balance| *balance != 0);
    books
}

fn balances(expected: &[(&str, i64)]) -> BTreeMap<String, i64> {
    expected.iter().map(|(account, balance)| ((*account).to_owned(), *balance)).collect()
}

#[tokio::test]
async fn a_delivered_order_is_recorded_in_business_order_with_its_own_times() {
    let commands = commands();
    let report = record(&commands, Folder::new().path()).await;
    assert_eq!(report.refusals, []);
    assert!(report.complete);
    assert_eq!(
        story(&commands, "checkout-a"),
        [
            "CheckoutOpened 2018-07-01T13:00:00Z",
            "PaymentCaptured 2018-07-01T14:00:00Z",
            "PaymentCaptured 2018-07-01T14:00:00Z",
            "FundsAllocated 2018-07-01T14:00:00Z",
            "FundsAllocated 2018-07-01T14:00:00Z",
        ]
    );
    assert_eq!(
        story(&commands, "order-a-1"),
        [
            "OrderPlaced 2018-07-01T13:00:00Z",
            "EscrowFunded 2018-07-01T14:00:00Z",
            "OrderShipped 2018-07-02T12:00:00Z",
            "OrderDelivered 2018-07-05T18:00:00Z",
            "ReviewPosted 2018-07-07T11:00:00Z",
            "ReceiptConfirmed 2018-07-15T18:00:00Z",
            "EscrowReleased 2018-07-15T18:00:00Z",
            "CommissionCharged 2018-07-15T18:00:00Z",
            "OrderCompleted 2018-07-30T18:00:00Z",
        ]
    );
    assert_eq!(story(&commands, "merchant-s1"), ["MerchantImported 2018-07-01T13:00:00Z"]);
    assert_eq!(
        story(&commands, "lead-l1"),
        ["LeadCaptured 2018-01-01T02:00:00Z", "LeadWon 2018-02-01T14:00:00Z"]
    );
}

#[tokio::test]
async fn the_books_say_what_the_tables_say() {
    let commands = commands();
    let report = record(&commands, Folder::new().path()).await;
    assert_eq!(
        books(&commands),
        balances(&[
            ("Assets:Provider:boleto", 500),
            ("Assets:Provider:credit_card", 4_000),
            ("Assets:Provider:voucher", 525),
            ("Income:Commission:toys", -200),
            ("Income:Commission:uncategorised", -202),
            ("Liabilities:Escrow:b", -500),
            ("Liabilities:MerchantPending:s1", -(2_225 - 202)),
            ("Liabilities:MerchantPending:s2", -(2_300 - 200)),
        ])
    );
    assert_eq!(report.totals.commission.minor, 402);
}

#[tokio::test]
async fn a_cancelled_order_gives_back_all_of_its_money_the_way_it_came() {
    let commands = commands();
    let folder = Folder::new()
        .orders(
            "a,ca,canceled,2018-07-01 10:00:00,2018-07-01 11:00:00,2018-07-02 09:00:00,2018-07-05 15:00:00,\n\
             b,cb,unavailable,2018-07-02 10:00:00,2018-07-02 10:30:00,,,\n",
        )
        .items("a,1,p1,s2,,10.00,1.50\na,2,p2,s1,,20.25,2.00\n")
        .payments("a,1,credit_card,3,30.00\na,2,voucher,1,5.25\nb,1,boleto,1,5.00\n");
    let report = record(&commands, folder.path()).await;
    assert_eq!(report.refusals, []);
    assert_eq!(books(&commands), balances(&[]));
    assert_eq!(
        story(&commands, "order-a-2"),
        [
            "OrderPlaced 2018-07-01T13:00:00Z",
            "EscrowFunded 2018-07-01T14:00:00Z",
            "OrderShipped 2018-07-02T12:00:00Z",
            "OrderDelivered 2018-07-05T18:00:00Z",
            "OrderCancelled 2018-07-05T18:00:00Z",
            "EscrowRefunded 2018-07-05T18:00:00Z",
            "RefundPaid 2018-07-05T18:00:00Z",
        ]
    );
    let given_up = story(&commands, "checkout-b");
    assert!(given_up.iter().any(|e| e.starts_with("CheckoutCancelled 2018-07-02T13:30:00Z")), "{given_up:?}");
    assert!(given_up.iter().any(|e| e.starts_with("UnallocatedRefunded")), "{given_up:?}");
}

#[tokio::test]
async fn a_shortfall_is_the_platforms_and_what_was_overpaid_stays_with_the_checkout() {
    let commands = commands();
    let folder = Folder::new().payments("a,1,credit_card,3,40.00\nb,1,boleto,1,5.01\n");
    let report = record(&commands, folder.path()).await;
    assert_eq!(report.refusals, []);
    let books = books(&commands);
    assert_eq!(books.get("Expenses:PaymentDifference"), Some(&525));
    assert_eq!(books.get("Liabilities:Checkout:b"), Some(&-1));
    assert_eq!(books.values().sum::<i64>(), 0);
}

#[tokio::test]
async fn importing_again_adds_no_event_and_answers_with_the_same_findings() {
    let commands = commands();
    let folder = Folder::new();
    let first = record(&commands, folder.path()).await;
    assert!(first.events > 0);
    let head = commands.journal().head().expect("readable");
    assert_eq!(first.events, head);
    let again = record(&commands, folder.path()).await;
    assert_eq!((again.events, again.complete), (0, true));
    assert_eq!(commands.journal().head().expect("readable"), head);
    assert_eq!((again.findings, again.totals, again.done), (first.findings, first.totals, first.done));
}

#[test]
fn as_many_events_are_told_where_positions_do_not_count_them() {
    // it has a runtime of its own, and so is not begun in another
    let standin = Standin::start(1);
    standin.faults().system_events.store(true, Ordering::SeqCst);
    let journal = kurrentdb::open(&standin.url(), kurrentdb::Options::default()).expect("opens");
    let there = Arc::new(Commands::new(journal, Options::new(MarketId::new("olist").expect("an id"))));
    let (folder, here) = (Folder::new(), commands());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let told = |commands| runtime.block_on(record(commands, folder.path())).events;
    let expected = told(&here);
    assert_eq!(told(&there), expected);
    assert!(there.journal().head().expect("readable") > expected, "positions that count");
    assert_eq!(told(&there), 0);
}

#[tokio::test]
async fn an_import_goes_on_where_it_ended() {
    let (whole, resumed) = (commands(), commands());
    let folder = Folder::new();
    let report = record(&whole, folder.path()).await;
    // any prefix of the plan may have been recorded before
    let mut plan = Plan::read(folder.path(), Rate::new(10, 2)).expect("sound input");
    plan.checkouts.truncate(1);
    plan.checkouts[0].delivered_at = None;
    let part = record_plan(&resumed, &plan, |_, _| {}).await.expect("recorded");
    let rest = record(&resumed, folder.path()).await;
    assert_eq!(rest.refusals, []);
    assert_eq!(part.events + rest.events, report.events);
    assert_eq!(books(&resumed), books(&whole));
}

#[tokio::test]
async fn importing_again_with_another_commission_is_refused_by_name() {
    let commands = commands();
    let folder = Folder::new();
    record(&commands, folder.path()).await;
    let head = commands.journal().head().expect("readable");
    let plan = Plan::read(folder.path(), Rate::new(5, 2)).expect("sound input");
    let error = record_plan(&commands, &plan, |_, _| {}).await.expect_err("must be refused");
    let ImportError::Changed { stream, report } = error else { panic!("{error}") };
    assert_eq!((stream.as_str(), report.complete), ("order-a-1", false));
    assert_eq!(commands.journal().head().expect("readable"), head);
}

#[tokio::test]
async fn a_rate_in_percent_is_refused() {
    let plan = Plan::read(Folder::new().path(), Rate::from(10)).expect("sound input");
    let error = record_plan(&commands(), &plan, |_, _| {}).await.expect_err("must be refused");
    assert_eq!(error.to_string(), "commission is 10: a rate lies between 0 and 1, never in percent");
}

#[tokio::test]
async fn a_refused_command_is_in_the_report_and_the_rest_goes_on() {
    let commands = commands();
    let mut plan = Folder::new().plan();
    let twice = plan.checkouts[0].orders[0].lines[0].clone();
    plan.checkouts[0].orders[0].lines.push(twice);
    let report = record_plan(&commands, &plan, |_, _| {}).await.expect("recorded");
    assert!(!report.complete);
    assert_eq!((report.refused, report.refusals[0].code.as_str()), (1, "line_twice"));
    assert_eq!(report.refusals[0].stream, "order-a-1");
    assert_eq!(story(&commands, "order-b").len(), 3, "the next checkout is recorded");
    assert_eq!(report.done, report.steps);
}

#[tokio::test]
async fn progress_ends_at_the_number_of_steps() {
    let plan = Folder::new().plan();
    let mut last = (0, 0);
    record_plan(&commands(), &plan, |done, of| last = (done, of)).await.expect("recorded");
    assert_eq!(last, (6, 6), "two merchants, two leads, two checkouts");
}

fn market() -> Market {
    Market::open("memory:", MarketOptions::default()).expect("opens")
}

#[tokio::test]
async fn the_markets_reactors_find_their_work_done() {
    let plan = Folder::new().plan();
    let market = market();
    let report = import(&market, &plan, |_, _| {}).await.expect("recorded");
    assert!(report.complete);
    let head = market.journal().head().expect("readable");
    assert_eq!(head, report.events + 1, "the market was opened and nothing else");
    assert_eq!(market.reacted_through().expect("readable"), head);
    assert_eq!(import(&market, &plan, |_, _| {}).await.expect("recorded").events, 0);
    assert_eq!(market.run_until_quiet().await.expect("runs").accepted, 0);
    assert_eq!(market.journal().head().expect("readable"), head);
}

#[tokio::test]
async fn reacting_to_all_that_was_imported_changes_nothing() {
    let folder = Folder::new()
        .orders(
            "a,ca,canceled,2018-07-01 10:00:00,2018-07-01 11:00:00,2018-07-02 09:00:00,2018-07-05 15:00:00,\n\
             b,cb,unavailable,2018-07-02 10:00:00,2018-07-02 10:30:00,,,\n\
             c,cb,created,2018-07-02 10:00:00,,,,\n\
             d,cb,delivered,2018-07-02 10:00:00,,,2018-07-05 15:00:00,\n\
             e,cb,canceled,2018-07-02 10:00:00,,,,\n",
        )
        .items("a,1,p1,s2,,10.00,1.50\na,2,p2,s1,,20.25,2.00\nd,1,p2,s1,,20.25,2.00\ne,1,p2,s1,,20.25,2.00\n")
        .payments("a,1,credit_card,3,30.00\na,2,voucher,1,5.25\nb,1,boleto,1,5.00\nc,1,boleto,1,5.00\n");
    let market = market();
    let report = record(market.commands(), folder.path()).await;
    assert!(report.complete, "{:?}", report.refusals);
    let driven = market.run_until_quiet().await.expect("runs");
    assert!(driven.events > 0, "here the reactors do go through the events");
    assert_eq!((driven.accepted, driven.refused), (0, 0));
    assert_eq!(market.journal().head().expect("readable"), report.events);
    assert_eq!(books(market.commands()).get("Liabilities:Checkout:c"), Some(&-500));
    let checked = crate::verify::verify(&**market.journal(), &mut |_, _, _| {}).expect("readable");
    let violated: Vec<_> = checked.checks.iter().filter(|check| check.violated > 0).collect();
    assert!(checked.clean(), "{violated:#?}");
}
