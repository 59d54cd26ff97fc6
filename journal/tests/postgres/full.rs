//! Disks that are really full: small file systems in memory, mounted for the test, which takes `CAP_SYS_ADMIN`. Where that is
//! refused these tests are left out, which they say loudly.

use std::collections::HashMap;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use daybook_journal::conformance::tools::{append, item, log};
use daybook_journal::postgres::Options;
use daybook_journal::postgres::server::{Server, scratch, sql};
use daybook_journal::{Append, Expected, Journal, PostgresJournal, Receipt};

use crate::alone;
use crate::faults::whole;

/// Unmounts the disk when the process that wanted it ends, however it does: its end of the pipe closes then.
const KEEPER: &str = r#"
trap '' INT TERM HUP
mount -t tmpfs -o "$2" daybook-test "$1" || { rmdir "$1"; exit 1; }
echo mounted
cat >/dev/null
umount -l "$1"
cd / && rmdir "$1"
"#;

/// A small file system. Unmounted when it is dropped: to be declared before the server that uses it, which goes first then.
struct Disk {
    folder: PathBuf,
    keeper: Child,
}

impl Disk {
    /// One of so many MiB that is the server's; none where nothing can be mounted.
    fn small(mib: u32) -> Option<Self> {
        let folder = scratch().unwrap();
        let owner = std::fs::metadata(&folder).unwrap();
        let options = format!("size={mib}m,mode=0700,uid={},gid={}", owner.uid(), owner.gid());
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "keeper"]).arg(&folder).arg(&options).current_dir("/");
        keeper.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut keeper = keeper.spawn().unwrap();
        let mut mounted = [0; 7];
        if keeper.stdout.as_mut().unwrap().read_exact(&mut mounted).is_ok() {
            return Some(Self { folder, keeper });
        }
        let mut why = String::new();
        keeper.stderr.as_mut().unwrap().read_to_string(&mut why).unwrap();
        keeper.wait().unwrap();
        let said = format!(
            "\nLEFT OUT: no small disk can be mounted here ({}), so a full one is not tested: that takes CAP_SYS_ADMIN, \
             which root of a container may lack\n",
            why.trim()
        );
        // not by a macro: what those print in a test that passes is shown to nobody
        drop(std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes()));
        None
    }

    /// Makes room: so many MiB in all.
    fn grow(&self, mib: u32) {
        let mut mount = Command::new("mount");
        mount.arg("-o").arg(format!("remount,size={mib}m")).arg(&self.folder);
        assert!(mount.status().unwrap().success(), "the disk did not grow");
    }

    fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
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
    if Server::left_out() {
        return;
    }
    let Some(disk) = Disk::small(20) else { return };
    // one of its own: a disk that goes from under a server, as when this test fails, would stop it for others too
    let server = Server::start(&["autovacuum = off"]).unwrap();
    let place = disk.path().display();
    sql(&server.url("postgres"), &format!("CREATE TABLESPACE small LOCATION '{place}'")).unwrap();
    sql(&server.url("postgres"), "CREATE DATABASE small TABLESPACE small").unwrap();
    let journal = alone(&server.url("small")).unwrap();
    let mut acknowledged = HashMap::new();
    let (refused, why) = until_refused(&journal, &mut acknowledged);
    assert!(refused > 10, "only {refused} appends had room");
    assert!(why.contains("no room on the disk") && why.contains("goes on by itself"), "{why}");
    assert!(why.contains("No space left on device"), "{why}");
    // so it is for who comes next; what there is can be read, and none of what was refused is there
    let began = Instant::now();
    for n in refused..refused + 3 {
        let error = append(&journal, large(n)).unwrap_err().to_string();
        assert!(error.contains("no room on the disk"), "{error}");
    }
    // nor does the writer, which looks for a session when nobody asks, take one for room: it looks after two seconds, and what
    // failed counts for five, which a machine that has much else to do may let pass
    std::thread::sleep(Duration::from_millis(2_500));
    assert!(journal.load().failing.is_some() || began.elapsed().as_secs() >= 5);
    assert_eq!(journal.head(), Ok(refused as u64));
    whole(&journal, &acknowledged);
    assert_eq!(log(&journal).len(), acknowledged.len());
    disk.grow(64);
    for n in refused..refused + 20 {
        let receipt = insist(&journal, n);
        assert!(!receipt.replayed, "what was refused was not there: {receipt:?}");
        acknowledged.insert(n, receipt);
    }
    assert_eq!(journal.load().failing, None);
    whole(&journal, &acknowledged);
}

#[test]
fn a_server_that_has_no_room_for_its_own_log_stops_and_what_it_acknowledged_is_there_when_it_is_back() {
    if Server::left_out() {
        return;
    }
    let Some(disk) = Disk::small(64) else { return };
    // the log alone lies on the disk, and none of it is removed before the disk is full
    let settings = ["max_wal_size = 1GB", "checkpoint_timeout = 1h", "autovacuum = off"];
    let wal = disk.path().join("wal");
    let server = Server::start_in(scratch().unwrap(), &settings, Some(&wal)).unwrap();
    // a commit that gets no answer is not waited for long: the server will not be back by itself
    let options = Options { alone: true, patience: Duration::from_secs(5), ..Options::default() };
    let journal = PostgresJournal::open(&server.database(), options).unwrap();
    let mut acknowledged = HashMap::new();
    let (refused, why) = until_refused(&journal, &mut acknowledged);
    assert!(refused > 10, "only {refused} appends had room: {why}");
    // whoever comes next is told that it is not there, or hears of what was written after all
    for n in refused..refused + 3 {
        match append(&journal, large(n)) {
            Ok(receipt) => drop(acknowledged.insert(n, receipt)),
            Err(error) => assert!(error.transient(), "{error}"),
        }
    }
    let said = server.said();
    assert!(said.contains("PANIC") && said.contains("No space left on device"), "{said}");
    // it stays away: a person makes room and starts it
    disk.grow(256);
    server.crash();
    for n in refused..refused + 20 {
        acknowledged.insert(n, insist(&journal, n));
    }
    assert_eq!(journal.load().failing, None);
    whole(&journal, &acknowledged);
    assert_eq!(log(&journal).len(), acknowledged.len());
}
