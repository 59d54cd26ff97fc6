//! A primary that is lost under load, and a standby that takes over: what was acknowledged is there. Drives the script that
//! the documentation offers for trying the same by hand.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use daybook_journal::conformance::tools::{append, item, log};
use daybook_journal::postgres::server::{Server, as_owner, scratch, sql};
use daybook_journal::{Expected, PostgresJournal, Receipt};

use crate::faults::tries;
use crate::open;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/postgres-cluster.sh");
/// Stops the servers when the process that wanted them ends, however it does: its end of the pipe closes then.
const KEEPER: &str =
    r#"trap '' INT TERM HUP; cat >/dev/null; sh "$1/cluster.sh" stop "$1/servers"; cd /; rm -rf "$1""#;
const THREADS: u128 = 4;

/// Three servers.
struct Cluster {
    folder: PathBuf,
    ports: Vec<String>,
    url: String,
    keeper: Child,
}

impl Cluster {
    fn start(more: &[&str]) -> Self {
        let folder = scratch().unwrap();
        std::fs::copy(SCRIPT, folder.join("cluster.sh")).unwrap();
        let free: Vec<_> = (0..3).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports = free.iter().map(|free| free.local_addr().unwrap().port().to_string()).collect();
        drop(free);
        let mut keeper = as_owner("sh").unwrap();
        keeper.args(["-c", KEEPER, "keeper"]).arg(&folder).current_dir(&folder);
        let keeper =
            keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut cluster = Self { folder, ports, url: String::new(), keeper };
        cluster.url = cluster.told("start", more);
        cluster
    }

    /// What the script says.
    fn told(&self, what: &str, more: &[&str]) -> String {
        let mut script = as_owner("sh").unwrap();
        script.arg(self.folder.join("cluster.sh")).arg(what).arg(self.folder.join("servers")).args(more);
        let said =
            script.env("CLUSTER_PORTS", self.ports.join(" ")).current_dir(&self.folder).output().unwrap();
        assert!(said.status.success(), "{what}: {}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8(said.stdout).unwrap().trim().to_owned()
    }

    /// The primary's processes that send to standbys.
    fn senders(&self) -> Vec<String> {
        let asked = self.ports.iter().find_map(|port| {
            let url = format!("postgres://daybook:daybook@127.0.0.1:{port}/postgres");
            let found = sql(&url, "SELECT pid FROM pg_stat_replication").ok()?;
            (!found.is_empty()).then_some(found)
        });
        asked.unwrap_or_default().into_iter().flatten().collect()
    }

    /// Nothing reaches a standby any more.
    fn cut_off_standbys(&self) {
        let senders = self.senders();
        assert!(!senders.is_empty(), "no standby is there");
        let stopped = as_owner("kill").unwrap().arg("-STOP").args(senders).status();
        assert!(stopped.is_ok_and(|status| status.success()));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// What was acknowledged, by command.
type Acknowledged = Mutex<HashMap<u128, Receipt>>;

fn count(acknowledged: &Acknowledged) -> usize {
    acknowledged.lock().unwrap().len()
}

/// Who appends stops, also when the test fails.
struct Stop<'s>(&'s AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
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
    if Server::shared().is_none() {
        return;
    }
    let cluster = Cluster::start(&[]);
    let journal = open(&cluster.url).unwrap();
    let (stop, acknowledged) = (AtomicBool::new(false), Acknowledged::default());
    let mut recovered = Vec::new();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (journal, stop, acknowledged) = (&journal, &stop, &acknowledged);
            scope.spawn(move || load(journal, thread, stop, acknowledged));
        }
        let _stop = Stop(&stop);
        for round in 0..tries(2, 20) {
            let began = Instant::now();
            let before = count(&acknowledged);
            while count(&acknowledged) < before + 200 {
                assert!(began.elapsed().as_secs() < 60, "round {round}: no load");
                std::thread::sleep(Duration::from_millis(5));
            }
            // every other time the standbys do not hear the last of it
            if round % 2 == 1 {
                cluster.cut_off_standbys();
                std::thread::sleep(Duration::from_millis(300));
            }
            cluster.told("kill", &[]);
            let lost = Instant::now();
            let before = count(&acknowledged);
            cluster.told("promote", &[]);
            let promoted = lost.elapsed();
            while count(&acknowledged) <= before + THREADS as usize {
                assert!(lost.elapsed().as_secs() < 90, "round {round}: it did not go on");
                std::thread::sleep(Duration::from_millis(5));
            }
            recovered.push((promoted, lost.elapsed()));
            cluster.told("rejoin", &[]);
        }
    });
    let acknowledged = acknowledged.into_inner().unwrap();
    println!(
        "{} commands acknowledged; primary lost to standby promoted, to the next commands acknowledged: {recovered:.1?}",
        acknowledged.len()
    );
    drop(journal);
    whole_of_two(&open(&cluster.url).unwrap(), &acknowledged);
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
    if Server::shared().is_none() {
        return;
    }
    let cluster = Cluster::start(&["--async"]);
    let journal = open(&cluster.url).unwrap();
    let (stop, acknowledged) = (AtomicBool::new(false), Acknowledged::default());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (journal, stop, acknowledged) = (&journal, &stop, &acknowledged);
            scope.spawn(move || load(journal, thread, stop, acknowledged));
        }
        let _stop = Stop(&stop);
        while count(&acknowledged) < 100 {
            std::thread::sleep(Duration::from_millis(5));
        }
        cluster.cut_off_standbys();
        let before = count(&acknowledged);
        while count(&acknowledged) < before + 100 {
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    cluster.told("kill", &[]);
    cluster.told("promote", &[]);
    // who saw what is gone now writes nothing behind it
    let refused = append(&journal, item("order-1", 1 << 100, Expected::Any, &["{}"])).unwrap_err();
    assert!(refused.to_string().contains("the server was set back, or another one took over"), "{refused}");
    drop(journal);
    let there: std::collections::HashSet<_> =
        log(&open(&cluster.url).unwrap()).iter().map(|kept| kept.cause.command.as_u128()).collect();
    let acknowledged = acknowledged.into_inner().unwrap();
    let lost = acknowledged.keys().filter(|command| !there.contains(command)).count();
    assert!(lost > 0, "none of {} acknowledged commands was lost", acknowledged.len());
}
