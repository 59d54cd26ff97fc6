//! The engine: freshness, unknown types, other processes, replaced files, moments.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use daybook_domain::EventKind;
use daybook_projections::models::books::Books;
use daybook_projections::models::merchant_balances::MerchantBalances;
use daybook_projections::models::merchants::Merchants;
use daybook_projections::models::orders::Orders;
use daybook_projections::{AsOf, Follower, ReadModelError, ReadModels};
use support::{append, every_type, happen, memory, open, shown};

#[test]
fn an_unknown_type_stops_the_models_before_it_and_says_so() {
    let room = tempfile::tempdir().unwrap();
    let journal = memory();
    let history = every_type();
    happen(journal.as_ref(), &history[..40]);
    let path = room.path().join("views.db");
    let models = open(&path, &journal);
    append(journal.as_ref(), "order-o1", "OrderTeleported", 0, "{}", "{}");
    happen(journal.as_ref(), &history[40..60]);

    let stopped = models.catch_up(&mut |_| {}).unwrap_err();
    assert!(matches!(stopped, ReadModelError::Undecodable { position: 41, .. }), "{stopped}");
    assert!(stopped.to_string().contains("OrderTeleported"), "{stopped}");
    assert!(stopped.to_string().contains("position 41"), "{stopped}");
    assert_eq!(models.applied(), 40);
    let status = models.status().unwrap();
    assert_eq!((status.freshness.applied, status.freshness.lag_positions()), (40, 21));
    assert!(status.stopped.unwrap().contains("OrderTeleported"));
    // a rebuild and a snapshot meet the same event
    assert!(models.rebuild(&[], &mut |_| {}).is_err());
    assert_eq!(models.applied(), 40);
    assert!(models.as_of(AsOf::HEAD, &["orders"], &mut |_| {}).is_err());
    assert!(models.as_of(AsOf::position(40), &["orders"], &mut |_| {}).is_ok());
}

#[test]
fn a_failed_batch_leaves_rows_and_checkpoint_as_they_were() {
    let room = tempfile::tempdir().unwrap();
    let journal = memory();
    let history = every_type();
    happen(journal.as_ref(), &history[..80]);
    let path = room.path().join("views.db");
    let models = open(&path, &journal);
    let before = shown(&models.digests().unwrap());

    // a write that fails in the middle of a batch
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(
        "CREATE TRIGGER full BEFORE UPDATE ON _models WHEN NEW.position > OLD.position \
         BEGIN SELECT RAISE(ABORT, 'disk full'); END",
    )
    .unwrap();
    happen(journal.as_ref(), &history[80..]);
    let failed = models.catch_up(&mut |_| {}).unwrap_err();
    assert!(failed.to_string().contains("disk full"), "{failed}");
    assert_eq!(models.applied(), 80);
    assert_eq!(shown(&models.digests().unwrap()), before);

    db.execute_batch("DROP TRIGGER full").unwrap();
    models.catch_up(&mut |_| {}).unwrap();
    let fresh = open(&room.path().join("fresh.db"), &journal);
    assert_eq!(shown(&models.digests().unwrap()), shown(&fresh.digests().unwrap()));
}

#[test]
fn two_followers_of_one_file_apply_each_event_once() {
    let room = tempfile::tempdir().unwrap();
    let journal = memory();
    let history = every_type();
    happen(journal.as_ref(), &history[..10]);
    let path = room.path().join("views.db");
    let (one, other) = (open(&path, &journal), open(&path, &journal));
    for (n, part) in history[10..].chunks(17).enumerate() {
        happen(journal.as_ref(), part);
        if n % 2 == 0 { &one } else { &other }.catch_up(&mut |_| {}).unwrap();
    }
    one.catch_up(&mut |_| {}).unwrap();
    let fresh = open(&room.path().join("fresh.db"), &journal);
    assert_eq!(shown(&one.digests().unwrap()), shown(&fresh.digests().unwrap()));
}

#[test]
fn digests_come_with_the_position_they_are_of_also_when_another_process_has_followed() {
    let room = tempfile::tempdir().unwrap();
    let journal = memory();
    let history = every_type();
    happen(journal.as_ref(), &history[..60]);
    let path = room.path().join("views.db");
    let (one, other) = (open(&path, &journal), open(&path, &journal));
    happen(journal.as_ref(), &history[60..]);
    other.catch_up(&mut |_| {}).unwrap();
    assert_eq!(one.applied(), 60);
    let (at, digests) = one.digests_at().unwrap();
    assert_eq!(at, journal.head().unwrap());
    let then = one.as_of(AsOf::position(at), &[], &mut |_| {}).unwrap();
    assert_eq!(shown(&digests), shown(&then.digests()));
}

#[test]
fn a_file_of_an_older_layout_or_of_another_journal_is_made_anew() {
    let room = tempfile::tempdir().unwrap();
    let path = room.path().join("views.db");
    let (first, second) = (memory(), memory());
    happen(first.as_ref(), &every_type());
    happen(second.as_ref(), &every_type()[3..50]);
    let expected = shown(&open(&room.path().join("second.db"), &second).digests().unwrap());

    drop(open(&path, &first));
    let models = open(&path, &second);
    assert_eq!(shown(&models.digests().unwrap()), expected, "the rows of the other journal are gone");
    drop(models);

    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch("UPDATE _models SET version = 0 WHERE model = 'orders'; DELETE FROM orders__r1;")
        .unwrap();
    drop(db);
    let models = open(&path, &second);
    assert_eq!(shown(&models.digests().unwrap()), expected, "models of another version are made anew");
    let orders = models.status().unwrap().models.into_iter().find(|m| m.model == "orders").unwrap();
    assert_eq!((orders.generation, orders.applied), (2, second.head().unwrap()));
    drop(models);

    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch("PRAGMA user_version = 0").unwrap();
    drop(db);
    assert_eq!(shown(&open(&path, &second).digests().unwrap()), expected);
}

#[test]
fn a_file_of_something_else_is_refused_and_left_alone() {
    let room = tempfile::tempdir().unwrap();
    let path = room.path().join("journal.db");
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch("CREATE TABLE events(position INTEGER PRIMARY KEY); INSERT INTO events VALUES (1)")
        .unwrap();
    let refused = ReadModels::open(&path, memory(), &mut |_| {}).unwrap_err();
    assert!(refused.to_string().contains("not a file of read models"), "{refused}");
    assert_eq!(db.query_row("SELECT count(*) FROM events", [], |r| r.get::<_, i64>(0)).unwrap(), 1);
}

#[test]
fn a_reader_sees_whole_rows_while_models_are_rebuilt() {
    let room = tempfile::tempdir().unwrap();
    let journal = memory();
    happen(journal.as_ref(), &every_type());
    let models = open(&room.path().join("views.db"), &journal);
    let expected = shown(&models.digests().unwrap());
    let (done, reader) = (Arc::new(AtomicBool::new(false)), models.clone());
    let seen = Arc::clone(&done);
    let wanted = expected.clone();
    let reading = std::thread::spawn(move || {
        let mut reads = 0;
        while !seen.load(Ordering::Relaxed) || reads == 0 {
            assert_eq!(shown(&reader.digests().unwrap()), wanted);
            reads += 1;
        }
        reads
    });
    for _ in 0..4 {
        models.rebuild(&["orders", "book_accounts", "entities"], &mut |_| {}).unwrap();
        models.rebuild(&[], &mut |_| {}).unwrap();
    }
    done.store(true, Ordering::Relaxed);
    assert!(reading.join().unwrap() > 0);
    assert_eq!(shown(&models.digests().unwrap()), expected);
}

#[test]
fn a_rebuild_that_is_refused_leaves_the_models_as_they_were_and_nothing_behind() {
    let room = tempfile::tempdir().unwrap();
    let journal = memory();
    happen(journal.as_ref(), &every_type());
    let path = room.path().join("views.db");
    let models = open(&path, &journal);
    let before = shown(&models.digests().unwrap());
    // another process reads
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch("BEGIN; SELECT * FROM _models").unwrap();
    let refused = models.rebuild(&[], &mut |_| {}).unwrap_err();
    assert!(refused.transient(), "{refused}");
    assert_eq!(models.status().unwrap().freshness.applied, journal.head().unwrap());
    assert_eq!(shown(&models.digests().unwrap()), before);
    assert!(!room.path().join("views.db.rebuild").exists());
}

#[test]
fn a_rebuild_of_a_model_that_another_process_has_just_made_anew_spares_its_tables() {
    let room = tempfile::tempdir().unwrap();
    let journal = memory();
    happen(journal.as_ref(), &every_type());
    let path = room.path().join("views.db");
    let (one, other) = (open(&path, &journal), open(&path, &journal));
    let before = shown(&one.digests().unwrap());
    other.rebuild(&["orders"], &mut |_| {}).unwrap();
    one.rebuild(&["orders"], &mut |_| {}).unwrap();
    assert_eq!(shown(&other.digests().unwrap()), before);
    let orders = one.status().unwrap().models.into_iter().find(|m| m.model == "orders").unwrap();
    assert_eq!(orders.generation, 3);
}

#[test]
fn a_process_that_follows_notices_that_another_has_replaced_the_file() {
    let room = tempfile::tempdir().unwrap();
    let journal = memory();
    let history = every_type();
    happen(journal.as_ref(), &history[..60]);
    let path = room.path().join("views.db");
    let models = open(&path, &journal);
    // another process makes the file anew while this one has it open
    let other = room.path().join("other.db");
    drop(open(&other, &journal));
    std::fs::rename(&other, &path).unwrap();
    happen(journal.as_ref(), &history[60..]);
    models.catch_up(&mut |_| {}).unwrap();
    drop(models);
    let db = rusqlite::Connection::open(&path).unwrap();
    let applied: i64 = db.query_row("SELECT min(position) FROM _models", [], |r| r.get(0)).unwrap();
    assert_eq!(applied as u64, journal.head().unwrap());
}

#[test]
fn a_follower_applies_what_is_appended_and_a_reader_may_wait_for_it() {
    let room = tempfile::tempdir().unwrap();
    let journal = memory();
    let models = open(&room.path().join("views.db"), &journal);
    let late = models.wait_at_least(5, Duration::from_millis(20)).unwrap_err();
    assert!(matches!(late, ReadModelError::Behind { wanted: 5, applied: 0, head: 0 }), "{late}");

    let follower = Follower::start(models.clone()).unwrap();
    happen(journal.as_ref(), &every_type()[..30]);
    let fresh = models.wait_at_least(30, Duration::from_secs(10)).unwrap();
    assert_eq!((fresh.applied, fresh.lag_positions()), (30, 0));
    follower.stop();
    happen(journal.as_ref(), &every_type()[30..31]);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(models.applied(), 30, "a stopped follower follows no more");
}

#[test]
fn a_moment_by_position_is_what_the_models_showed_then() {
    let room = tempfile::tempdir().unwrap();
    let journal = memory();
    let history = every_type();
    let live = open(&room.path().join("views.db"), &journal);
    let mut then = Vec::new();
    for part in history.chunks(31) {
        happen(journal.as_ref(), part);
        let at = live.catch_up(&mut |_| {}).unwrap().applied;
        then.push((at, shown(&live.digests().unwrap()), live.trial_balance(AsOf::HEAD).unwrap().lines));
    }
    for (at, digests, balance) in then {
        let snapshot = live.as_of(AsOf::position(at), &[], &mut |_| {}).unwrap();
        assert_eq!(shown(&snapshot.digests()), digests, "at position {at}");
        assert_eq!(live.trial_balance(AsOf::position(at)).unwrap().lines, balance, "at position {at}");
    }
    let ahead = live.trial_balance(AsOf::position(100_000)).unwrap_err();
    assert!(matches!(ahead, ReadModelError::Behind { .. }), "{ahead}");
}

#[test]
fn one_entity_as_of_a_moment_equals_the_whole_models_of_that_moment() {
    let room = tempfile::tempdir().unwrap();
    let journal = memory();
    happen(journal.as_ref(), &every_type());
    let models = open(&room.path().join("views.db"), &journal);
    let recorded = {
        let mut at = 0;
        let mut n = 0;
        let all = daybook_journal::Filter::default();
        let visit = &mut |e: daybook_journal::Recorded<'_>| {
            (at, n) = (e.recorded_at, n + 1);
            if n == 120 { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
        };
        journal.scan(0, None, &all, visit).unwrap();
        at
    };
    let hour = |h: i64| 1_700_000_000_000_000 + h * 3_600_000_000;
    let moments = [
        AsOf::position(150),
        AsOf::business(hour(90)),
        AsOf::known(recorded),
        AsOf::business(hour(2_000)),
        AsOf { business: Some(hour(60)), ..AsOf::known(recorded) },
        AsOf { business: Some(hour(60)), known: Some(recorded), position: Some(70) },
    ];
    for at in moments {
        let all = models.as_of(at, &[], &mut |_| {}).unwrap();
        for n in 0..4 {
            let (merchant, order) = (format!("m{n}"), format!("o{n}"));
            let own = models.entity_as_of("merchant", &merchant, at).unwrap();
            assert_eq!(own.row::<Merchants>(&[&merchant]), all.row::<Merchants>(&[&merchant]), "{at:?}");
            assert_eq!(
                own.row::<MerchantBalances>(&[&merchant, "CNY"]),
                all.row::<MerchantBalances>(&[&merchant, "CNY"]),
                "{merchant} {at:?}"
            );
            let own = models.order_as_of(&order, at).unwrap();
            assert_eq!(own.as_ref().map(|o| &o.order), all.row::<Orders>(&[&order]), "{at:?}");
        }
        let sum: i64 = all.rows::<Books>().map(|a| a.balance).sum();
        let stored: i64 = models.trial_balance(at).unwrap().lines.iter().map(|l| l.balance).sum();
        assert_eq!(sum, stored, "{at:?}");
        let snapshot_entries: i64 = all.rows::<Books>().map(|a| a.entries).sum();
        let stored_entries: u64 = models.trial_balance(at).unwrap().lines.iter().map(|l| l.entries).sum();
        assert_eq!(snapshot_entries as u64, stored_entries, "{at:?}");
    }
}

#[test]
fn a_model_nobody_has_is_refused_with_those_there_are() {
    let room = tempfile::tempdir().unwrap();
    let models = open(&room.path().join("views.db"), &memory());
    let refused = models.rebuild(&["ordres"], &mut |_| {}).unwrap_err().to_string();
    assert!(refused.contains("ordres") && refused.contains("orders, order_lines"), "{refused}");
}

#[test]
fn every_event_type_is_looked_at_by_a_model_or_listed_here_with_its_reason() {
    // a pack handed on and what is stated to be owed move nothing; what visitors do beside looking, metrics count when they are asked
    let listed: &[EventKind] =
        &[EventKind::MarketPackIssued, EventKind::LiabilitiesStated, EventKind::VisitorActed];
    assert_eq!(daybook_projections::models::unrouted(), listed);
}

/// What a model decoded it would stop at: these payloads are no JSON of their types.
#[test]
fn models_of_money_pass_over_traffic_without_decoding_it_live_and_in_a_rebuild() {
    let journal = memory();
    let room = tempfile::tempdir().unwrap();
    let live = open(&room.path().join("live.db"), &journal);
    happen(&*journal, &every_type());
    for kind in ["PageViewed", "VisitorActed"] {
        append(&*journal, "traffic-2026-11-22-0", kind, 0, "{}", r#"{"visitor":17}"#);
    }
    happen(&*journal, &every_type());
    live.catch_up(&mut |_| {}).unwrap();
    let head = journal.head().unwrap();
    assert_eq!(live.applied(), head);
    let rebuilt = open(&room.path().join("rebuilt.db"), &journal);
    assert_eq!(shown(&live.digests().unwrap()), shown(&rebuilt.digests().unwrap()));
    // the one that looks at hits stands before the first that it cannot read, and says so
    for models in [live, rebuilt] {
        let status = models.status().unwrap();
        let at = |name: &str| status.models.iter().find(|model| model.model == name).unwrap().applied;
        assert_eq!((at("orders"), at("traffic_days")), (head, (head - 2) / 2));
        assert!(status.stopped.unwrap().contains("traffic-2026-11-22-0"));
    }
}
