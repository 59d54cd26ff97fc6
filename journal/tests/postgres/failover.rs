//! A primary that is lost under load, and a standby that takes over: what was acknowledged is there. Drives the script that
//! the documentation offers for trying the same by hand.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use daybook_journal::conformance::tools::{append, item, log};
use daybook_journal::postgres::cluster::Cluster;
use daybook_journal::postgres::server::Server;
use daybook_journal::{Expected, PostgresJournal, Receipt};

use crate::faults::tries;
use crate::{Stop, open};

const THREADS: u128 = 4;

/// What was acknowledged, by command.
type Acknowledged = Mutex<HashMap<u128, Receipt>>;

fn count(acknowledged: &Acknowledged) -> usize {
    acknowledged.lock().unwrap().len()
}

/// Waits until so many are acknowledged.
fn reaches(acknowledged: &Acknowledged, least: usize) {
    let began = Instant::now();
    while count(acknowledged) < least {
        assert!(began.elapsed().as_secs() < 60, "no load: {} of {least}", count(acknowledged));
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Appends until told to stop; what has no answer or no place is sent again, the same, until it is acknowledged or it is time
/// to go.
fn load(journal: &PostgresJournal, thread: u128, stop: &AtomicBool, acknowledged: &Acknowledged) {
    for n in 0.. {
        let command = (thread << 64) + n;
        let what = item(&format!("order-{thread}-{}", n % 7), command, Expected::Any, &["{}", "{}"]);
        loop {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            match append(journal, what.clone()) {
                Ok(receipt) => {
                    acknowledged.lock().unwrap().insert(command, receipt);
                    break;
                }
                Err(error) => assert!(error.transient(), "{error}"),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn a_primary_that_is_lost_under_load_takes_nothing_along_that_was_acknowledged() {
    if Server::left_out() {
        return;
    }
    let cluster = Cluster::start(&[]);
    let journal = open(cluster.url()).unwrap();
    let (stop, acknowledged) = (AtomicBool::new(false), Acknowledged::default());
    let mut recovered = Vec::new();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (journal, stop, acknowledged) = (&journal, &stop, &acknowledged);
            scope.spawn(move || load(journal, thread, stop, acknowledged));
        }
        let _stop = Stop(&stop);
        for round in 0..tries(2, 20) {
            reaches(&acknowledged, count(&acknowledged) + 200);
            // every other time the standbys do not hear the last of it
            if round % 2 == 1 {
                cluster.cut_off_standbys();
                std::thread::sleep(Duration::from_millis(300));
            }
            cluster.does("kill", &[]);
            let lost = Instant::now();
            let before = count(&acknowledged);
            cluster.does("promote", &[]);
            let promoted = lost.elapsed();
            while count(&acknowledged) <= before + THREADS as usize {
                assert!(lost.elapsed().as_secs() < 90, "round {round}: it did not go on");
                std::thread::sleep(Duration::from_millis(5));
            }
            recovered.push((promoted, lost.elapsed()));
            cluster.does("rejoin", &[]);
        }
    });
    let acknowledged = acknowledged.into_inner().unwrap();
    println!(
        "{} commands acknowledged; primary lost to standby promoted, to the next commands acknowledged: {recovered:.1?}",
        acknowledged.len()
    );
    drop(journal);
    whole_of_two(&open(cluster.url()).unwrap(), &acknowledged);
}

/// Each command has two events here.
fn whole_of_two(journal: &PostgresJournal, acknowledged: &HashMap<u128, Receipt>) {
    let mut commands: HashMap<u128, Vec<u64>> = HashMap::new();
    for (n, kept) in log(journal).iter().enumerate() {
        assert_eq!(kept.position, n as u64 + 1, "a hole");
        commands.entry(kept.cause.command.as_u128()).or_default().push(kept.position);
    }
    for (command, positions) in &commands {
        assert_eq!(
            positions.len(),
            2,
            "command {command} has half of its events, or twice all: {positions:?}"
        );
    }
    for (command, receipt) in acknowledged {
        let written = commands.get(command).map(|positions| (positions[0], positions[1]));
        assert_eq!(written, Some((receipt.first, receipt.last)), "command {command} was acknowledged");
    }
}

/// The same, where commits do not wait for a standby: so the test above can fail.
#[test]
fn without_waiting_for_a_standby_a_lost_primary_takes_along_what_was_acknowledged() {
    if Server::left_out() {
        return;
    }
    let cluster = Cluster::start(&["--async"]);
    let journal = open(cluster.url()).unwrap();
    let (stop, acknowledged) = (AtomicBool::new(false), Acknowledged::default());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (journal, stop, acknowledged) = (&journal, &stop, &acknowledged);
            scope.spawn(move || load(journal, thread, stop, acknowledged));
        }
        let _stop = Stop(&stop);
        reaches(&acknowledged, 100);
        cluster.cut_off_standbys();
        reaches(&acknowledged, count(&acknowledged) + 100);
    });
    cluster.does("kill", &[]);
    cluster.does("promote", &[]);
    // who saw what is gone now writes nothing behind it
    let refused = append(&journal, item("order-1", 1 << 100, Expected::Any, &["{}"])).unwrap_err();
    assert!(refused.to_string().contains("the server was set back, or another one took over"), "{refused}");
    drop(journal);
    let there: std::collections::HashSet<_> =
        log(&open(cluster.url()).unwrap()).iter().map(|kept| kept.cause.command.as_u128()).collect();
    let acknowledged = acknowledged.into_inner().unwrap();
    let lost = acknowledged.keys().filter(|command| !there.contains(command)).count();
    assert!(lost > 0, "none of {} acknowledged commands was lost", acknowledged.len());
}
