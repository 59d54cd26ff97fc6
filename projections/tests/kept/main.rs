//! What is kept by day answers as a pass over the journal does, whatever comes late, out of order or again.
#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;
mod told;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use daybook_domain::{Currency, EventKind};
use daybook_journal::conformance::tools::block_on;
use daybook_journal::postgres::server::Server;
use daybook_journal::{Append, Cause, Expected, Journal, NewEvent};
use daybook_metrics::attribution::DEFAULT_LOOK_BACK;
use daybook_metrics::channel::MarketSite;
use daybook_metrics::{ChannelRule, MarketSites, SessionRule};
use daybook_projections::metrics::{Cells, Days, Dimension, History, Most, Question, Sites};
use daybook_projections::model::KindSet;
use daybook_projections::{AsOf, AsWritten, Events as _, Place, ReadModelError, ReadModels};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use support::{memory, open, shown};
use told::{DAY, FROM, MINUTE, Told, day, once, something, tell};
use uuid::Uuid;

const RANGES: [(i64, i64); 5] = [(0, 0), (-1, 2), (2, 9), (-45, 100), (-2, 5)];
const TIMES: [Option<Dimension>; 4] =
    [None, Some(Dimension::Day), Some(Dimension::Week), Some(Dimension::Month)];
const GROUPS: [Option<Dimension>; 5] = [
    None,
    Some(Dimension::Channel),
    Some(Dimension::Campaign),
    Some(Dimension::Merchant),
    Some(Dimension::SalesChannel),
];

fn questions() -> impl Iterator<Item = Question> {
    let by = TIMES.into_iter().flat_map(|time| {
        GROUPS.into_iter().flat_map(move |group| {
            let one: Vec<Dimension> = time.into_iter().chain(group).collect();
            let other: Vec<Dimension> = group.into_iter().chain(time).collect();
            if one == other { vec![one] } else { vec![one, other] }
        })
    });
    by.flat_map(|by| {
        RANGES.into_iter().flat_map(move |(from, to)| {
            let by = by.clone();
            ["CNY", "USD"].into_iter().map(move |of| Question {
                days: Days { from: day(from), to: day(to) },
                by: by.clone(),
                sessions: SessionRule::default(),
                currency: Currency::new(of).unwrap(),
            })
        })
    })
}

fn same(a: &Cells, b: &Cells) -> bool {
    (&a.cells, a.total, a.reported, a.untracked) == (&b.cells, b.total, b.reported, b.untracked)
}

/// Holds every answer to that of the journal; returns how many there were.
fn compare(models: &ReadModels) -> Result<usize, TestCaseError> {
    let rule = ChannelRule::new(&MarketSites::default()).unwrap();
    let history = models.history(day(RANGES[3].0), DEFAULT_LOOK_BACK, rule, AsOf::HEAD, &mut |_| {}).unwrap();
    let mut answered = 0;
    for question in questions() {
        let expected = history.cells(&question).unwrap();
        match models.kept_cells(&question).unwrap() {
            Some(kept) => {
                prop_assert!(
                    same(&kept, &expected),
                    "{:?}\nkept {:#?}\njournal {:#?}",
                    question,
                    kept,
                    expected
                );
                answered += 1;
            }
            None => {
                let by = &question.by;
                prop_assert!(by.contains(&Dimension::Campaign) || by.contains(&Dimension::SalesChannel));
            }
        }
    }
    prop_assert_eq!(models.kept_currencies().unwrap(), history.currencies());
    in_parts(models, &history)?;
    Ok(answered)
}

/// Visitors that are counted in three passes come to what they come to in one.
fn in_parts(models: &ReadModels, history: &History) -> Result<(), TestCaseError> {
    let channels = [Dimension::Channel, Dimension::SalesChannel];
    let told = |question: &Question| question.by.iter().all(|by| by.is_time() || channels.contains(by));
    let asked: Vec<Question> = questions().filter(told).collect();
    let rule = ChannelRule::new(&MarketSites::default()).unwrap();
    let (calendar, since) = (models.calendar().unwrap(), (day(RANGES[3].0), DEFAULT_LOOK_BACK));
    let (events, passes) = (models.events(AsOf::HEAD), (3, Most::default()));
    let parts = History::cells_in_parts(&events, (calendar, &rule), since, &asked, passes, &mut |_| {});
    for (question, parts) in asked.iter().zip(parts.unwrap()) {
        let whole = history.cells(question).unwrap();
        prop_assert!(same(&parts, &whole), "{:?}\nparts {:#?}\nwhole {:#?}", question, parts, whole);
    }
    Ok(())
}

/// A market that knows the blog as a network of its own.
fn with_a_network() -> Sites {
    let blog = MarketSite { name: "Blog".into(), hosts: vec!["blog.example".into()], terms: Vec::new() };
    Sites::of(&MarketSites { social_networks: vec![blog], ..MarketSites::default() }).unwrap()
}

fn uv_by_channel(models: &ReadModels) -> Vec<String> {
    let days = Days { from: day(0), to: day(5) };
    let by = vec![Dimension::Channel];
    let currency = Currency::new("CNY").unwrap();
    let question = Question { days, by, sessions: SessionRule::default(), currency };
    let kept = models.kept_cells(&question).unwrap().unwrap();
    let told = models.journal_cells(&question, AsOf::HEAD, Vec::new(), Most::default()).unwrap();
    assert!(same(&kept, &told), "{kept:#?} {told:#?}");
    kept.cells.iter().map(|(words, cell)| format!("{} {}", words[0], cell.uv)).collect()
}

#[test]
fn channels_are_told_by_the_lists_that_are_named_and_by_those_of_the_file_where_none_are() {
    let room = tempfile::tempdir().unwrap();
    let (journal, path) = (memory(), room.path().join("views.db"));
    let view = |visitor, way| Told::View { visitor, at: FROM, page: 0, way };
    [view(0, 0), view(1, 6)].iter().for_each(|one| tell(journal.as_ref(), one));
    let opened = |sites: Option<Sites>| {
        ReadModels::open_with(&path, std::sync::Arc::clone(&journal), sites, &mut |_| {}).unwrap()
    };
    assert_eq!(uv_by_channel(&opened(None)), ["external 1", "organic_search 1"]);
    // others are named: what was made with the first ones is made anew
    let named = opened(Some(with_a_network()));
    assert_eq!(uv_by_channel(&named), ["organic_search 1", "social 1"]);
    drop(named);
    // nobody names any: those of the file stand, also for what is recorded from now on
    let later = opened(None);
    assert_eq!(*later.sites().unwrap(), with_a_network());
    tell(journal.as_ref(), &view(2, 6));
    later.catch_up(&mut |_| {}).unwrap();
    assert_eq!(uv_by_channel(&later), ["organic_search 1", "social 2"]);
    for names in [&["traffic_days"][..], &[]] {
        later.rebuild(names, &mut |_| {}).unwrap();
        assert_eq!(uv_by_channel(&later), ["organic_search 1", "social 2"], "{names:?}");
    }
    let then = later.as_of(AsOf::HEAD, &["traffic_days"], &mut |_| {}).unwrap();
    let stored = shown(&later.digests().unwrap());
    assert!(shown(&then.digests()).iter().all(|of| stored.contains(of)));
    // while a process has the file with the old lists, one that asks for others is not answered from it
    let own = room.path().join("own.db");
    let old = ReadModels::open(&own, std::sync::Arc::clone(&journal), &mut |_| {}).unwrap();
    drop(opened(Some(Sites::default())));
    assert_eq!(uv_by_channel(&opened(None)), uv_by_channel(&old));
}

/// Visitors and bouncers of each cell, in the kept figures as in the journal.
fn bouncers(models: &ReadModels, days: (i64, i64), by: Vec<Dimension>) -> Vec<String> {
    let days = Days { from: day(days.0), to: day(days.1) };
    let currency = Currency::new("CNY").unwrap();
    let question = Question { days, by, sessions: SessionRule::default(), currency };
    let kept = models.kept_cells(&question).unwrap().unwrap();
    let told = models.journal_cells(&question, AsOf::HEAD, Vec::new(), Most::default()).unwrap();
    assert!(same(&kept, &told), "{kept:#?} {told:#?}");
    let of = |(words, cell): &(Vec<String>, _)| {
        let cell: &daybook_projections::metrics::Cell = cell;
        format!("{} {} {}", words.join(" "), cell.uv, cell.bouncers)
    };
    kept.cells.iter().map(of).collect()
}

#[test]
fn who_came_to_a_cell_on_the_day_after_the_visit_began_bounced_where_it_began() {
    let room = tempfile::tempdir().unwrap();
    let (journal, path) = (memory(), room.path().join("views.db"));
    // one path, shown by nobody's shop before midnight and by m0's after it
    let view = |at, page| Told::View { visitor: 1, at, page, way: 7 };
    tell(journal.as_ref(), &view(FROM + DAY - MINUTE, 0));
    tell(journal.as_ref(), &view(FROM + DAY + MINUTE, 4));
    let models = open(&path, &journal);
    let merchants = |days| bouncers(&models, days, vec![Dimension::Merchant]);
    assert_eq!(merchants((0, 1)), [" 1 1", "m0 1 0"]);
    // the visit is one of m0, whom nobody saw on that day
    assert_eq!(merchants((0, 0)), [" 1 1", "m0 0 0"]);
    assert_eq!(merchants((1, 1)), ["m0 1 0"]);
    let by_day = bouncers(&models, (0, 1), vec![Dimension::Day]);
    assert_eq!(by_day, ["2025-10-29 1 1", "2025-10-30 1 0"]);
}

#[test]
fn lists_that_cannot_be_read_are_an_error_with_its_cure_and_no_other_lists() {
    let room = tempfile::tempdir().unwrap();
    let (journal, path) = (memory(), room.path().join("views.db"));
    tell(journal.as_ref(), &Told::View { visitor: 1, at: FROM, page: 0, way: 6 });
    let opened = |sites: Option<Sites>| {
        ReadModels::open_with(&path, std::sync::Arc::clone(&journal), sites, &mut |_| {})
    };
    let damage = || {
        let db = rusqlite::Connection::open(&path).unwrap();
        let find = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'traffic_sites*'";
        let table: String = db.query_row(find, [], |row| row.get(0)).unwrap();
        assert_eq!(db.execute(&format!("UPDATE {table} SET lists = '{{'"), []).unwrap(), 1);
    };
    let live = opened(Some(with_a_network())).unwrap();
    drop(live);
    let live = opened(None).unwrap();
    assert_eq!(uv_by_channel(&live), ["social 1"]);
    damage();
    let says = |refused: Option<ReadModelError>| {
        let said = refused.map(|error| error.to_string()).unwrap_or_default();
        assert!(said.contains("cannot be read") && said.contains("--sites FILE"), "{said:?}");
    };
    says(live.sites().err());
    says(live.as_of(AsOf::HEAD, &["traffic_days"], &mut |_| {}).err());
    says(live.rebuild(&[], &mut |_| {}).err());
    says(live.rebuild(&["traffic_days"], &mut |_| {}).err());
    drop(live);
    says(opened(None).err());
    // who names some is answered by these
    assert_eq!(uv_by_channel(&opened(Some(with_a_network())).unwrap()), ["social 1"]);
    assert_eq!(uv_by_channel(&opened(None).unwrap()), ["social 1"]);
}

#[test]
fn a_question_to_the_journal_holds_to_what_it_may_take() {
    let room = tempfile::tempdir().unwrap();
    let journal = memory();
    for visitor in 0..3 {
        tell(journal.as_ref(), &Told::View { visitor, at: FROM, page: visitor, way: 7 });
    }
    let models = open(&room.path().join("views.db"), &journal);
    let days = Days { from: day(0), to: day(0) };
    let by = vec![Dimension::Page];
    let currency = Currency::new("CNY").unwrap();
    let question = Question { days, by, sessions: SessionRule::default(), currency };
    let asked = |most| models.journal_cells(&question, AsOf::HEAD, Vec::new(), most);
    // three pages and the sum
    assert_eq!(asked(Most { cells: 4, ..Most::default() }).unwrap().cells.len(), 3);
    let refused = |most| asked(most).err().unwrap().to_string();
    let rows = refused(Most { cells: 3, ..Most::default() });
    assert_eq!(rows, "the answer has more than 3 rows: ask by less, or about fewer days");
    assert!(refused(Most { bytes: 1, ..Most::default() }).contains("MiB of memory"));
    let long = refused(Most { answer: 400, ..Most::default() });
    assert_eq!(
        long,
        "the rows of the answer take more than 0 MiB of memory: ask by less, or about fewer days"
    );
    let late = Most { until: Some(Instant::now()), ..Most::default() };
    assert!(matches!(asked(late), Err(ReadModelError::TookTooLong { done: 0, total: 3 })));
}

#[test]
fn a_question_to_what_is_kept_by_day_holds_to_what_it_may_take() {
    let room = tempfile::tempdir().unwrap();
    let journal = memory();
    for visitor in 0..4 {
        tell(journal.as_ref(), &Told::View { visitor, at: FROM, page: visitor, way: 2 * visitor });
    }
    let models = open(&room.path().join("views.db"), &journal);
    let days = Days { from: day(0), to: day(0) };
    let (by, currency) = (vec![Dimension::Channel], Currency::new("CNY").unwrap());
    let question = Question { days, by, sessions: SessionRule::default(), currency };
    let asked = |most| models.kept_cells_within(&question, most).map(|kept| kept.unwrap().cells.len());
    let rows = models.kept_cells(&question).unwrap().unwrap().cells.len();
    assert_eq!(asked(Most { cells: rows, ..Most::default() }).unwrap(), rows);
    let refused = |most| asked(most).err().unwrap().to_string();
    let few = refused(Most { cells: rows - 1, ..Most::default() });
    assert!(few.ends_with("rows: ask by less, or about fewer days"), "{few}");
    let rests_on = refused(Most { bytes: 100, ..Most::default() });
    assert!(rests_on.starts_with("the figures kept by day that this rests on take more than"), "{rests_on}");
    let long = refused(Most { answer: 100, ..Most::default() });
    assert!(long.starts_with("the rows of the answer take more than"), "{long}");
    let late = asked(Most { until: Some(Instant::now()), ..Most::default() });
    assert!(matches!(late, Err(ReadModelError::LateKept { rows: 0 })));
}

/// Many events that no figure of traffic looks at.
fn much_else(journal: &dyn Journal, events: u128) {
    for from in (0..events).step_by(1_000) {
        let of = |n: u128| NewEvent {
            id: Uuid::from_u128(n + 1_000_000),
            kind: EventKind::ReviewPosted.as_str().into(),
            schema: 1,
            occurred_at: FROM,
            refs: "{}".to_owned(),
            data: "{}".to_owned(),
        };
        let events = (from..events.min(from + 1_000)).map(of).collect();
        let command = Uuid::from_u128(from + 1_000_000);
        let cause = Cause { command, fingerprint: [0; 16], correlation: command, actor: "test".into() };
        let item = Append { stream: "order-o".to_owned(), expected: Expected::Any, cause, events };
        block_on(journal.append(vec![item])).pop().unwrap().unwrap();
    }
}

#[test]
fn a_pass_ends_in_time_however_little_it_meets_of_what_was_asked_for() {
    let journal = memory();
    tell(journal.as_ref(), &Told::View { visitor: 0, at: FROM, page: 0, way: 7 });
    much_else(journal.as_ref(), 70_000);
    let views = KindSet::of(&[EventKind::PageViewed]);
    let until = Instant::now() + Duration::from_secs(3);
    let mut met = 0;
    let pass = |until, met: &mut u32, wait: bool| {
        let events = AsWritten::of(journal.as_ref(), AsOf::HEAD).until(Some(until));
        events.visit(views, &mut |_| {}, &mut |_| {
            *met += 1;
            while wait && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(10));
            }
            ControlFlow::Continue(())
        })
    };
    let late = pass(until, &mut met, true);
    let Err(ReadModelError::TookTooLong { done, total: 70_001 }) = late else { panic!("{late:?}") };
    assert_eq!((met, done), (1, 65_536), "it ends at the next look, not at the journal's end");
    pass(Instant::now() + Duration::from_secs(600), &mut met, false).unwrap();
    assert_eq!(met, 2, "what is met once is met in one stretch alone");
}

/// Follows what is told in batches with read models of a name, which are opened again now and then, and holds every answer to
/// the journal's.
fn followed_is_rebuilt_is_told(
    told: Vec<Told>,
    batch: usize,
    journal: &Arc<dyn Journal>,
    opened: &dyn Fn(&str) -> ReadModels,
) -> Result<(), TestCaseError> {
    let told = once(told);
    let mut live = opened("live");
    for part in told.chunks(batch) {
        if batch.is_multiple_of(2) {
            // what is known lies in the file alone
            drop(live);
            live = opened("live");
        }
        part.iter().for_each(|one| tell(journal.as_ref(), one));
        live.catch_up(&mut |_| {}).unwrap();
    }
    let answered = compare(&live)?;
    prop_assert!(answered >= questions().count() / 2);
    let rebuilt = opened("rebuilt");
    compare(&rebuilt)?;
    let expected = shown(&rebuilt.digests().unwrap());
    prop_assert_eq!(&expected, &shown(&live.digests().unwrap()));
    let then = live.as_of(AsOf::HEAD, &["traffic_days"], &mut |_| {}).unwrap();
    let own = expected.iter().filter(|of| of.contains("_days ") && !of.starts_with("channel"));
    prop_assert_eq!(own.cloned().collect::<Vec<String>>(), shown(&then.digests()));
    live.rebuild(&["traffic_days"], &mut |_| {}).unwrap();
    prop_assert_eq!(&expected, &shown(&live.digests().unwrap()));
    tell(journal.as_ref(), &Told::View { visitor: 9, at: FROM, page: 0, way: 0 });
    live.catch_up(&mut |_| {}).unwrap();
    compare(&live)?;
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn kept_figures_are_those_of_the_journal_and_following_gives_what_a_rebuild_does(
        told in prop::collection::vec(something(), 1..150), batch in 1usize..50,
    ) {
        let room = tempfile::tempdir().unwrap();
        let journal = memory();
        let opened = |name: &str| open(&room.path().join(format!("{name}.db")), &journal);
        followed_is_rebuilt_is_told(told, batch, &journal, &opened)?;
    }
}

#[test]
fn kept_figures_are_the_same_in_postgres() {
    if Server::left_out() {
        return;
    }
    let server = Server::start(&["fsync = off"]).unwrap();
    let cases = if std::env::var("DAYBOOK_LONG").is_ok_and(|v| v == "yes") { 100 } else { 5 };
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let told = (prop::collection::vec(something(), 1..150), 5usize..50);
    let outcome = TestRunner::new(config).run(&told, |(told, batch)| {
        let (journal, database) = (memory(), server.database());
        let opened = |name: &str| {
            let place = Place::Database(format!("{database}?schema={name}"));
            ReadModels::open(place, Arc::clone(&journal), &mut |_| {}).unwrap()
        };
        followed_is_rebuilt_is_told(told, batch, &journal, &opened)
    });
    outcome.unwrap_or_else(|e| panic!("{e}"));
}
