//! Disks that are really full: small file systems in memory, mounted for the test, which takes a user who may mount (root). For
//! others these tests are left out, which they say loudly.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use daybook_journal::conformance::tools::{append, item, log};
use daybook_journal::postgres::server::{Server, scratch, sql};
use daybook_journal::{Append, Expected, Journal, PostgresJournal, Receipt};

use crate::alone;
use crate::faults::whole;

/// A small file system. Unmounted when it is dropped.
struct Disk(PathBuf);

impl Disk {
    /// One of so many MiB that is the server's; none where this user may not mount.
    fn small(mib: u32) -> Option<Self> {
        let folder = scratch().unwrap();
        let owner = std::fs::metadata(&folder).unwrap();
        let options = format!("size={mib}m,mode=0700,uid={},gid={}", owner.uid(), owner.gid());
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "daybook-test"]).arg(&folder).output();
        match mount {
            Ok(done) if done.status.success() => Some(Self(folder)),
            done => {
                let why = done.map_or_else(
                    |error| error.to_string(),
                    |done| String::from_utf8_lossy(&done.stderr).into_owned(),
                );
                let said = format!(
                    "\nLEFT OUT: no small disk can be mounted here ({}), so a full one is not tested; run this as root\n",
                    why.trim()
                );
                // not by a macro: what those print in a test that passes is shown to nobody
                drop(std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes()));
                let _ = std::fs::remove_dir(&folder);
                None
            }
        }
    }

    /// Room that can be given back.
    fn ballast(&self, mib: usize) -> PathBuf {
        let path = self.0.join("ballast");
        std::fs::write(&path, vec![1; mib << 20]).unwrap();
        path
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// An append of about 60 kB that nothing compresses.
fn large(n: u128) -> Append {
    let mut seed = n as u64 + 1;
    let mut words = String::with_capacity(60_000);
    while words.len() < 60_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        words.push(char::from(b'0' + ((seed >> 33) % 75) as u8).to_ascii_lowercase());
    }
    let words = words.replace(['\\', '"'], "_");
    item(&format!("order-{}", n % 5), n, Expected::Any, &[&format!("{{\"words\":\"{words}\"}}")])
}

/// Appends until it is refused; which one was.
fn until_refused(journal: &PostgresJournal, acknowledged: &mut HashMap<u128, Receipt>) -> (u128, String) {
    for n in 0..2_000 {
        match append(journal, large(n)) {
            Ok(receipt) => drop(acknowledged.insert(n, receipt)),
            Err(error) => {
                assert!(error.transient(), "{error}");
                return (n, error.to_string());
            }
        }
    }
    panic!("120 MB went into a disk that is smaller");
}

/// Sends it until it is accepted.
fn insist(journal: &PostgresJournal, n: u128) -> Receipt {
    let began = Instant::now();
    loop {
        match append(journal, large(n)) {
            Ok(receipt) => return receipt,
            Err(error) => {
                assert!(error.transient() && began.elapsed().as_secs() < 60, "{error}");
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_disk_that_is_full_of_events_is_said_loses_nothing_and_the_journal_goes_on_when_there_is_room() {
    let Some(server) = Server::shared() else { return };
    let Some(disk) = Disk::small(24) else { return };
    let place = disk.path().display();
    sql(&server.url("postgres"), &format!("CREATE TABLESPACE small LOCATION '{place}'")).unwrap();
    sql(&server.url("postgres"), "CREATE DATABASE small TABLESPACE small").unwrap();
    let ballast = disk.ballast(5);
    let url = server.url("small");
    let journal = alone(&url).unwrap();
    let mut acknowledged = HashMap::new();
    let (refused, why) = until_refused(&journal, &mut acknowledged);
    assert!(refused > 10, "only {refused} appends had room");
    assert!(why.contains("no room on the disk") && why.contains("goes on by itself"), "{why}");
    assert!(why.contains("No space left on device"), "{why}");
    // so it is for who comes next; what there is can be read, and none of what was refused is there
    for n in refused..refused + 3 {
        let error = append(&journal, large(n)).unwrap_err().to_string();
        assert!(error.contains("no room on the disk"), "{error}");
    }
    assert!(journal.load().failing.is_some());
    assert_eq!(journal.head(), Ok(refused as u64));
    whole(&journal, &acknowledged);
    assert_eq!(log(&journal).len(), acknowledged.len());
    std::fs::remove_file(ballast).unwrap();
    for n in refused..refused + 20 {
        let receipt = insist(&journal, n);
        assert!(!receipt.replayed, "what was refused was not there: {receipt:?}");
        acknowledged.insert(n, receipt);
    }
    assert_eq!(journal.load().failing, None);
    whole(&journal, &acknowledged);
    drop(journal);
    sql(&server.url("postgres"), "DROP DATABASE small WITH (FORCE)").unwrap();
    sql(&server.url("postgres"), "DROP TABLESPACE small").unwrap();
}

#[test]
fn a_server_that_has_no_room_for_its_own_log_stops_and_what_it_acknowledged_is_there_when_it_is_back() {
    if Server::shared().is_none() {
        return;
    }
    let Some(disk) = Disk::small(160) else { return };
    let folder = disk.path().join("server");
    std::fs::create_dir(&folder).unwrap();
    let owner = std::fs::metadata(disk.path()).unwrap();
    std::os::unix::fs::chown(&folder, Some(owner.uid()), Some(owner.gid())).unwrap();
    // little log is kept, so that events and log grow together
    let settings =
        ["max_wal_size = 48MB", "min_wal_size = 32MB", "checkpoint_timeout = 30s", "autovacuum = off"];
    let server = Server::start_in(folder, &settings).unwrap();
    let ballast = disk.ballast(40);
    let journal = alone(&server.database()).unwrap();
    let mut acknowledged = HashMap::new();
    let (refused, why) = until_refused(&journal, &mut acknowledged);
    assert!(refused > 10, "only {refused} appends had room: {why}");
    // whoever waits is told that it is not there, or that there is no room, or that it is not known
    for n in refused..refused + 3 {
        let error = append(&journal, large(n)).unwrap_err();
        assert!(error.transient(), "{error}");
    }
    std::fs::remove_file(ballast).unwrap();
    // a server whose log has no room stops for good: a person makes room and starts it
    server.crash();
    for n in refused..refused + 20 {
        acknowledged.insert(n, insist(&journal, n));
    }
    assert_eq!(journal.load().failing, None);
    whole(&journal, &acknowledged);
    assert_eq!(log(&journal).len(), acknowledged.len());
    drop((journal, server));
}
