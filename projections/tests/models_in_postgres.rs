//! Read models in PostgreSQL are the rows that they are in SQLite and in memory, whoever follows, makes anew or breaks off.
#![allow(clippy::unwrap_used)]

mod support;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use daybook_domain::posting::{Account, Class};
use daybook_domain::{Currency, Timestamp};
use daybook_journal::conformance::tools::block_on;
use daybook_journal::postgres::server::{Server, sql};
use daybook_journal::{Append, Cause, Expected, Journal, NewEvent};
use daybook_projections::queries::{
    BookVisitor, BookedEntry, BookedEvent, CellRef, LedgerQuestion, OrdersWanted, OwedWithin, PeriodAccount,
    whole_tables,
};
use daybook_projections::{AsOf, Follower, Place, ReadModelError, ReadModels};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use support::{Happening, append, every_type, happen, memory, open, shown};

fn connect(url: &str, journal: &Arc<dyn Journal>) -> Result<ReadModels, ReadModelError> {
    ReadModels::open(Place::Database(url.to_owned()), Arc::clone(journal), &mut |_| {})
}

fn at(url: &str, journal: &Arc<dyn Journal>) -> ReadModels {
    connect(url, journal).unwrap_or_else(|e| panic!("{e}"))
}

/// A server that does not wait for its disk: what a crash leaves has a test of its own.
fn server() -> Option<&'static Server> {
    static QUICK: OnceLock<Server> = OnceLock::new();
    if Server::left_out() {
        return None;
    }
    let settings = ["fsync = off", "full_page_writes = off"];
    Some(QUICK.get_or_init(|| Server::start(&settings).unwrap_or_else(|why| panic!("{why}"))))
}

/// A schema of its own in one database: quicker than a database.
fn schema(database: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("{database}?schema=s{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// Every cell of every table, in an order of their own.
fn cells(models: &ReadModels) -> Vec<String> {
    let mut all = Vec::new();
    for table in whole_tables().iter().filter(|table| table.name != "events") {
        let mut rows = Vec::new();
        models
            .visit_table(table, &mut |row: &[CellRef<'_>]| {
                rows.push(format!("{} {row:?}", table.name));
                ControlFlow::Continue(())
            })
            .unwrap();
        rows.sort_unstable();
        all.extend(rows);
    }
    all
}

fn history() -> impl Strategy<Value = Vec<Happening>> {
    let one = (any::<usize>(), 0u8..5, 0u16..500).prop_map(|(sample, entity, hour)| Happening {
        sample,
        entity,
        hour,
    });
    prop::collection::vec(one, 1..120)
}

#[test]
fn any_history_has_the_same_rows_in_sqlite_in_memory_and_in_postgres() {
    let Some(server) = server() else { return };
    let database = server.database();
    let cases = if std::env::var("DAYBOOK_LONG").is_ok_and(|v| v == "yes") { 300 } else { 20 };
    let mut runner =
        TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() });
    let outcome = runner.run(&(history(), 1usize..40), |(history, batch)| {
        let room = tempfile::tempdir().unwrap();
        let journal = memory();
        let live = at(&schema(&database), &journal);
        for part in history.chunks(batch) {
            happen(journal.as_ref(), part);
            live.catch_up(&mut |_| {}).unwrap();
        }
        let file = open(&room.path().join("views.db"), &journal);
        let expected = shown(&file.digests().unwrap());
        prop_assert_eq!(&expected, &shown(&live.digests().unwrap()), "followed");
        let then = live.as_of(AsOf::HEAD, &[], &mut |_| {}).unwrap();
        prop_assert_eq!(&expected, &shown(&then.digests()), "in memory");
        live.rebuild(&["orders", "book_accounts"], &mut |_| {}).unwrap();
        prop_assert_eq!(&expected, &shown(&live.digests().unwrap()), "some made anew");
        live.rebuild(&[], &mut |_| {}).unwrap();
        prop_assert_eq!(&expected, &shown(&live.digests().unwrap()), "all made anew");
        Ok(())
    });
    outcome.unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn every_cell_of_every_table_is_the_same_and_so_is_a_text_with_nul() {
    let Some(server) = server() else { return };
    let room = tempfile::tempdir().unwrap();
    let journal = memory();
    let url = server.database();
    let live = at(&url, &journal);
    happen(journal.as_ref(), &every_type());
    let campaign = every_type().into_iter().find(|h| h.sample().kind.as_str() == "CampaignPlanned").unwrap();
    let named = campaign.sample().data.replacen("\"name\": \"", "\"name\": \"\\u0000\u{F8F0}", 1);
    assert_ne!(named, campaign.sample().data);
    append(journal.as_ref(), "campaign-knul", "CampaignPlanned", 5, r#"{"campaign":"knul"}"#, &named);
    live.catch_up(&mut |_| {}).unwrap();
    let file = open(&room.path().join("views.db"), &journal);
    let expected = cells(&file);
    assert!(expected.iter().any(|row| row.contains("\\0\u{F8F0}") || row.contains("\\0\\u{f8f0}")), "no NUL");
    assert_eq!(cells(&live), expected);
    live.rebuild(&[], &mut |_| {}).unwrap();
    assert_eq!(cells(&live), expected, "made anew");
    assert_eq!(live.world().unwrap(), file.world().unwrap());
    // opened again they go on
    drop(live);
    let again = at(&url, &journal);
    assert_eq!(again.applied(), journal.head().unwrap());
    assert_eq!(cells(&again), expected, "opened again");
}

/// Everything that is told of the books.
#[derive(Default)]
struct Told(Vec<String>);

impl BookVisitor for Told {
    fn accounts(&mut self, accounts: Vec<PeriodAccount>) -> ControlFlow<()> {
        self.0.push(format!("{accounts:?}"));
        ControlFlow::Continue(())
    }
    fn event(&mut self, event: &BookedEvent, entries: &[BookedEntry]) -> ControlFlow<()> {
        self.0.push(format!("{event:?} {entries:?}"));
        ControlFlow::Continue(())
    }
}

/// The answers to questions of every kind, of one merchant, order, checkout and buyer, and of all.
fn answers(m: &ReadModels, head: u64) -> Vec<String> {
    let mut all = Vec::new();
    macro_rules! ask {
        ($($answer:expr),* $(,)?) => { $(all.push(format!("{}: {:?}", stringify!($answer), $answer.unwrap()));)* };
    }
    let moments =
        [AsOf::HEAD, AsOf::position(head / 2), AsOf { business: Some(1_700_500_000_000_000), ..AsOf::HEAD }];
    for at in moments {
        ask!(m.trial_balance(at), m.balance_sheet(at), m.profit_loss(None, at, true));
        ask!(m.profit_loss(Some(1_700_100_000_000_000), at, false));
        for n in 0..4 {
            ask!(m.merchant_money(&format!("m{n}"), at), m.order_as_of(&format!("o{n}"), at));
        }
    }
    for n in 0..4 {
        let (order, checkout) = (format!("o{n}"), format!("c{n}"));
        let (merchant, buyer) = (format!("m{n}"), format!("b{n}"));
        let (order, checkout, merchant, buyer) = (&*order, &*checkout, &*merchant, &*buyer);
        ask!(m.order(order), m.order_funding(order, merchant), m.disputes_of_order(order));
        ask!(
            m.reviews_of_order(order),
            m.reviews_of_merchant(merchant, None, 5),
            m.review_summary(Some(merchant))
        );
        ask!(m.checkout(checkout), m.orders_of_checkout(checkout), m.orders_of_buyer(buyer, None, 10));
        ask!(m.orders_of_merchant(merchant, None, 2), m.merchant(merchant), m.accounts_of(merchant));
        ask!(
            m.merchant_lines(merchant, 0, 100),
            m.merchant_currencies(merchant),
            m.merchant_account(merchant)
        );
        ask!(m.settlements(Some(merchant), None, 9), m.streams_of("merchant", merchant, 0, 100));
        ask!(m.disputes_of_merchant(merchant, None, None, 9), m.stream_count("order", order));
        for (status, oldest_first) in [(None, true), (Some("placed"), false), (Some("released"), true)] {
            let wanted =
                OrdersWanted { merchant: Some(merchant), status, oldest_first, ..OrdersWanted::default() };
            ask!(m.orders_wanted(wanted, None, 1));
        }
    }
    ask!(m.merchants(None, None, 2), m.merchants(Some("active"), None, 9), m.merchant_balances(None, 3));
    ask!(m.merchant_accounts(None, 2), m.deposits(None, 2), m.campaigns(None, 3), m.unallocated(None, 5));
    ask!(m.disputes("open", None, 5), m.settlements(None, None, 5), m.unsettled_accounts(None, 5));
    ask!(m.first_line_booked_at(), m.first_contracted_at(), m.contracted_merchants(None, 3));
    ask!(m.reserves_due(Timestamp(i64::MAX), None, 9), m.reserves_due(Timestamp(i64::MAX), Some("m1"), 9));
    ask!(m.owed_at(head), m.owed_at(head / 2), m.kept_currencies(), m.world(), m.review_summary(None));
    ask!(m.open_accounts("Liabilities", "Escrow", None, 5), m.dimensions_of("Escrow", "", 5));
    for merchant_id in [None, Some("m1")] {
        let within = OwedWithin { merchant_id, from: 0, until: i64::MAX, through: head };
        let mut changes = Vec::new();
        m.owed_changes(within, &mut |change| changes.push(change)).unwrap();
        ask!(Ok::<_, ()>(&changes), m.owed_before(OwedWithin { from: 1_700_500_000_000_000, ..within }));
    }
    let cny = Currency::new("CNY").unwrap();
    for (class, name, dimension) in [
        (Class::Liabilities, "Escrow", "o1"),
        (Class::Liabilities, "MerchantPending", "m1"),
        (Class::Assets, "Provider", "alipay"),
    ] {
        let account = Account { class, name, dimension };
        let mut after: Option<String> = None;
        loop {
            let asked = LedgerQuestion {
                account,
                currency: cny,
                from: None,
                at: AsOf::HEAD,
                after: after.as_deref(),
                limit: 2,
            };
            let page = m.ledger(&asked).unwrap();
            all.push(format!("{page:?}"));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        ask!(m.currencies_of(&account));
    }
    let mut told = Told::default();
    m.visit_books(Some(1_700_200_000_000_000), None, &mut told).unwrap();
    all.extend(told.0);
    all
}

#[test]
fn every_question_has_the_same_answer() {
    let Some(server) = server() else { return };
    let room = tempfile::tempdir().unwrap();
    let journal = memory();
    for entity in 0..4 {
        let history =
            every_type().into_iter().map(|h| Happening { entity, hour: h.hour + u16::from(entity), ..h });
        happen(journal.as_ref(), &history.collect::<Vec<_>>());
    }
    let head = journal.head().unwrap();
    let (there, here) = (at(&server.database(), &journal), open(&room.path().join("views.db"), &journal));
    let (found, expected) = (answers(&there, head), answers(&here, head));
    assert!(expected.iter().filter(|answer| answer.len() > 150).count() > 60, "hardly anything was found");
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn two_that_follow_apply_each_event_once_and_one_takes_over_from_the_other() {
    let Some(server) = server() else { return };
    let room = tempfile::tempdir().unwrap();
    let (journal, url) = (memory(), server.database());
    let history = every_type();
    happen(journal.as_ref(), &history[..10]);
    let (one, other) = (at(&url, &journal), at(&url, &journal));
    for (n, part) in history[10..].chunks(17).enumerate() {
        happen(journal.as_ref(), part);
        if n % 2 == 0 { &one } else { &other }.catch_up(&mut |_| {}).unwrap();
    }
    // one keeps following: the other only sees what it has come to
    let first = Follower::start(one.clone()).unwrap();
    let second = Follower::start(other.clone()).unwrap();
    for part in history.chunks(13) {
        happen(journal.as_ref(), part);
        let head = journal.head().unwrap();
        one.wait_at_least(head, Duration::from_secs(20)).unwrap();
        other.wait_at_least(head, Duration::from_secs(20)).unwrap();
    }
    let leased = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid IN (1, 2) AND granted \
                  AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) GROUP BY objid";
    assert_eq!(sql(&url, leased).unwrap(), [["1"], ["1"]], "one follows for both, with each group of models");
    first.stop();
    happen(journal.as_ref(), &history[..20]);
    other.wait_at_least(journal.head().unwrap(), Duration::from_secs(20)).unwrap();
    second.stop();
    let file = open(&room.path().join("views.db"), &journal);
    assert_eq!(shown(&other.digests().unwrap()), shown(&file.digests().unwrap()));
}

#[test]
fn readers_see_one_moment_while_all_is_made_anew_under_them() {
    let Some(server) = server() else { return };
    let (journal, url) = (memory(), server.database());
    for _ in 0..4 {
        happen(journal.as_ref(), &every_type());
    }
    let models = at(&url, &journal);
    let expected = shown(&models.digests().unwrap());
    let (over, reads) = (AtomicBool::new(false), [const { AtomicU32::new(0) }; 3]);
    let each_read = || reads.iter().all(|reads| reads.load(Ordering::Relaxed) > 3);
    std::thread::scope(|scope| {
        let (models, expected, over) = (&models, &expected, &over);
        for reads in &reads {
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    assert_eq!(shown(&models.digests().unwrap()), *expected);
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let began = Instant::now();
        let rebuilt = loop {
            let rebuilt = [&[][..], &["orders"], &[], &["book_accounts", "traffic_days"]]
                .into_iter()
                .try_for_each(|names| models.rebuild(names, &mut |_| {}).map(drop));
            // On a machine that has much else to do once is too soon: a reader had hardly a turn.
            if rebuilt.is_err() || each_read() || began.elapsed().as_secs() >= 60 {
                break rebuilt;
            }
        };
        over.store(true, Ordering::Relaxed);
        rebuilt.unwrap();
    });
    assert!(each_read(), "it hardly came to read: {reads:?}");
    let left = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = \
                'daybook_views' AND c.relname ~ '^orders__r[0-9]+$'";
    assert_eq!(sql(&url, left).unwrap(), [["1".to_owned()]], "what was shown before is gone");
}

#[test]
fn a_server_that_goes_away_is_waited_for_and_nothing_is_lost_or_doubled() {
    if Server::left_out() {
        return;
    }
    let server = Server::start(&[]).unwrap();
    let room = tempfile::tempdir().unwrap();
    let (journal, url) = (memory(), server.database());
    let models = at(&url, &journal);
    let follower = Follower::start(models.clone()).unwrap();
    let history = every_type();
    for round in 0..3 {
        for part in history.chunks(40) {
            happen(journal.as_ref(), part);
        }
        if round < 2 {
            server.crash();
        }
    }
    models.wait_at_least(journal.head().unwrap(), Duration::from_secs(60)).unwrap();
    // cut in the middle of being made anew
    let cut = std::thread::spawn({
        let url = url.clone();
        move || {
            let until = Instant::now() + Duration::from_secs(10);
            let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'COPY%' AND pid <> pg_backend_pid()";
            while Instant::now() < until {
                if sql(&url, kill).is_ok_and(|rows| rows[0][0] != "0") {
                    return true;
                }
            }
            false
        }
    });
    let mut failed = 0;
    while !cut.is_finished() {
        failed += u32::from(models.rebuild(&[], &mut |_| {}).is_err());
    }
    assert_eq!(cut.join().unwrap(), failed > 0);
    models.rebuild(&[], &mut |_| {}).unwrap();
    follower.stop();
    let file = open(&room.path().join("views.db"), &journal);
    assert_eq!(shown(&models.digests().unwrap()), shown(&file.digests().unwrap()));
}

#[test]
fn what_is_somebody_elses_or_newer_or_not_there_is_left_alone_and_says_the_cure() {
    let Some(server) = server() else { return };
    let (journal, url) = (memory(), server.database());
    happen(journal.as_ref(), &every_type()[..30]);
    let refused = |url: &str, journal: &Arc<dyn Journal>| connect(url, journal).unwrap_err().to_string();

    sql(&url, "CREATE SCHEMA shop; CREATE TABLE shop.orders(id int); INSERT INTO shop.orders VALUES (7)")
        .unwrap();
    let says = refused(&format!("{url}?schema=shop"), &journal);
    assert!(says.contains("schema shop holds something else") && says.contains("?schema=NAME"), "{says}");
    assert_eq!(sql(&url, "SELECT id FROM shop.orders").unwrap(), [["7".to_owned()]]);

    drop(at(&url, &journal));
    // two journals are told apart by their first events
    let other = memory();
    let id = uuid::Uuid::from_u128(77);
    let cause = Cause { command: id, fingerprint: [0; 16], correlation: id, actor: "test".into() };
    let first = every_type()[3];
    let event = NewEvent {
        id,
        kind: first.sample().kind.as_str().into(),
        schema: 1,
        occurred_at: 0,
        refs: first.refs(),
        data: first.sample().data.clone(),
    };
    let item = Append { stream: first.stream(), expected: Expected::Any, cause, events: vec![event] };
    block_on(other.append(vec![item])).pop().unwrap().unwrap();
    let says = refused(&url, &other);
    assert!(says.contains("read models of another journal") && says.contains("?schema=NAME"), "{says}");

    sql(&url, "UPDATE daybook_views._models SET version = version + 1 WHERE model = 'orders'").unwrap();
    let says = refused(&url, &journal);
    assert!(says.contains("orders in version") && says.contains("upgrade daybook"), "{says}");
    sql(&url, "UPDATE daybook_views._models SET version = version - 2 WHERE model = 'orders'").unwrap();
    drop(at(&url, &journal)); // an older one is made anew
    sql(&url, "UPDATE daybook_views._state SET value = '2' WHERE name = 'layout'").unwrap();
    let says = refused(&url, &journal);
    assert!(says.contains("newer layout 2") && says.contains("upgrade daybook"), "{says}");

    let wrong = url.replacen("daybook:daybook@", "daybook:secret@", 1);
    let says = refused(&wrong, &journal);
    assert!(says.contains("does not let this user in") && !says.contains("secret"), "{says}");
    let nowhere = url.rsplit_once('/').unwrap().0.to_owned() + "/nowhere";
    assert!(refused(&nowhere, &journal).contains("createdb"), "{}", refused(&nowhere, &journal));
    let closed = "postgres://daybook@127.0.0.1:1/x";
    assert!(
        refused(closed, &journal).contains("is PostgreSQL running there?"),
        "{}",
        refused(closed, &journal)
    );
}
