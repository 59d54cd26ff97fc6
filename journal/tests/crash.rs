//! Crashes for real: a child process appends, is killed with SIGKILL or meets a disk that takes no more, and the
//! file is opened again. Ten kills; `DAYBOOK_LONG=1` makes it two hundred.
//!
//! A child is this test binary again, told by an environment variable what to do.
#![allow(clippy::unwrap_used, clippy::print_stdout)]
#![cfg(unix)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use daybook_journal::conformance::tools::{append, block_on, fill, item, log};
use daybook_journal::sqlite::Options;
use daybook_journal::{Append, Expected, Journal, JournalError, Receipt, SqliteJournal};

const JOURNAL: &str = "DAYBOOK_TEST_JOURNAL";
const ROUND: &str = "DAYBOOK_TEST_ROUND";

fn child(test: &str, journal: &Path, round: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(JOURNAL, journal).env(ROUND, round.to_string());
    command.stdout(Stdio::piped()).stderr(Stdio::inherit());
    command
}

/// The journal and the round, in a child.
fn told() -> Option<(PathBuf, u64)> {
    let path = std::env::var_os(JOURNAL)?;
    Some((path.into(), std::env::var(ROUND).unwrap().parse().unwrap()))
}

fn open(path: &Path) -> SqliteJournal {
    // Small bounds, so that kills also fall into checkpoints and cache misses.
    let options = Options { checkpoint_pages: 50, stream_cache_entries: 64, ..Options::default() };
    SqliteJournal::open(path, options).unwrap()
}

/// The n-th append of a thread in a round: one to three events; streams that contend.
fn nth(round: u64, thread: u64, n: u64) -> Append {
    let command = (u128::from(round) << 64) + (u128::from(thread) << 48) + u128::from(n);
    let data = format!(r#"{{"round":{round},"fill":"{}"}}"#, "x".repeat(n as usize % 700));
    let payloads = vec![data.as_str(); 1 + n as usize % 3];
    item(&format!("order-{}", (thread * 31 + n * 7) % 101), command, Expected::Any, &payloads)
}

fn append_and_print_for_ever(path: &Path, round: u64) {
    let journal = open(path);
    let acknowledge = |answers: Vec<Result<Receipt, JournalError>>, thread: u64, from: u64| {
        let mut lines = String::new();
        for (n, answer) in (from..).zip(answers) {
            let receipt = answer.unwrap();
            assert!(!receipt.replayed);
            let Receipt { first, last, version, .. } = receipt;
            lines.push_str(&format!("ack {thread} {n} {first} {last} {version}\n"));
        }
        std::io::stdout().lock().write_all(lines.as_bytes()).unwrap();
    };
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let (journal, acknowledge) = (&journal, &acknowledge);
            // One thread writes like an import, the others like callers.
            let many = if thread == 0 { 150 } else { 1 };
            scope.spawn(move || {
                for from in (0..).step_by(many) {
                    let items = (0..many as u64).map(|n| nth(round, thread, from + n)).collect();
                    acknowledge(block_on(journal.append(items)), thread, from);
                }
            });
        }
    });
}

/// What one child had acknowledged when it died: (thread, n) -> (first, last, version).
fn acknowledged(mut child: Child, life: Duration) -> BTreeMap<(u64, u64), (u64, u64, u64)> {
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        let (mut all, mut line) = (BTreeMap::new(), String::new());
        while out.read_line(&mut line).unwrap() > 0 {
            let line = std::mem::take(&mut line);
            // The last line may be cut off, and what is left of a number is one too.
            let Some(whole) = line.strip_suffix('\n') else { break };
            let Some(fields) = whole.split("ack ").nth(1) else { continue };
            let fields: Vec<u64> = fields.split(' ').map_while(|field| field.parse().ok()).collect();
            if let [thread, n, first, last, version] = fields[..] {
                all.insert((thread, n), (first, last, version));
            }
        }
        all
    });
    std::thread::sleep(life);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

#[test]
fn no_acknowledged_append_is_lost_or_doubled_when_the_process_is_killed() {
    if let Some((path, round)) = told() {
        return append_and_print_for_ever(&path, round);
    }
    let test = "no_acknowledged_append_is_lost_or_doubled_when_the_process_is_killed";
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("daybook.db");
    let kills: u64 = if std::env::var_os("DAYBOOK_LONG").is_some() { 200 } else { 10 };
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let enough = 20 * kills as usize;
    let (mut total, mut round) = (0, 0_u64);
    // A machine that has much else to do may kill before there is any work: then there are more rounds, of longer lives.
    while round < kills || (total <= enough && round < 5 * kills) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let child = child(test, &path, round).spawn().unwrap();
        let more = 100 * round.saturating_sub(kills - 1).min(20);
        let acknowledged = acknowledged(child, Duration::from_millis(60 + random % 200 + more));
        total += acknowledged.len();
        let journal = open(&path);
        check(&journal, round, &acknowledged);
        round += 1;
    }
    assert!(total > enough, "only {total} appends: the kills came before the work");
}

fn check(journal: &SqliteJournal, round: u64, acknowledged: &BTreeMap<(u64, u64), (u64, u64, u64)>) {
    let events = log(journal);
    let mut versions = BTreeMap::new();
    let mut written: BTreeMap<u128, (u64, u64, u64, u64)> = BTreeMap::new();
    for (n, kept) in events.iter().enumerate() {
        assert_eq!(kept.position, n as u64 + 1, "positions are dense");
        let version = versions.entry(&kept.stream).or_insert(0);
        *version += 1;
        assert_eq!(kept.version, *version, "versions are dense");
        let entry = written.entry(kept.cause.command.as_u128()).or_insert((kept.position, 0, 0, 0));
        *entry = (entry.0, kept.position, kept.version, entry.3 + 1);
        assert_eq!(entry.1 - entry.0 + 1, entry.3, "the events of a command follow each other");
    }
    for (command, (first, last, ..)) in &written {
        let n = *command as u64 & 0xffff_ffff;
        assert_eq!(last - first, n % 3, "a command is whole");
    }
    for ((thread, n), (first, last, version)) in acknowledged {
        let command = (u128::from(round) << 64) + (u128::from(*thread) << 48) + u128::from(*n);
        let (f, l, v, _) = *written.get(&command).unwrap_or_else(|| panic!("lost: {thread} {n}"));
        assert_eq!((f, l, v), (*first, *last, *version));
    }
    for ((thread, n), (first, last, version)) in acknowledged.iter().step_by(17) {
        let receipt = fill(journal, [nth(round, *thread, *n)])[0];
        let first_receipt = Receipt { first: *first, last: *last, version: *version, replayed: true };
        assert_eq!(receipt, first_receipt, "a repeat finds it");
    }
}

/// A file that may not grow, by the limit of the operating system: real write errors in COMMIT.
fn append_beyond_the_limit_and_go_on(path: &Path) {
    let journal = open(path);
    let mut accepted = Vec::new();
    let began = Instant::now();
    let refusal = loop {
        let next = nth(1, 1, accepted.len() as u64);
        match append(&journal, next) {
            Ok(receipt) => accepted.push(receipt),
            Err(error) => break error,
        }
        assert!(began.elapsed() < Duration::from_secs(60), "the limit never struck");
    };
    assert!(refusal.transient(), "{refusal}");
    let head = journal.head().unwrap();
    assert_eq!(log(&journal).len() as u64, head, "readers go on");
    let raised = Command::new("prlimit")
        .args(["--pid", &std::process::id().to_string(), "--fsize=unlimited"])
        .status()
        .unwrap();
    assert!(raised.success());
    for n in 0..accepted.len() as u64 + 10 {
        let receipt = append(&journal, nth(1, 1, n)).unwrap();
        match accepted.get(n as usize) {
            Some(first) => assert_eq!(receipt, Receipt { replayed: true, ..*first }),
            None => assert!(n > 0 && receipt.last > head.saturating_sub(3)),
        }
    }
    println!("went on after {} appends: {refusal}", accepted.len());
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_takes_no_more_is_survived_without_a_restart() {
    if let Some((path, _)) = told() {
        return append_beyond_the_limit_and_go_on(&path);
    }
    let test = "a_disk_that_takes_no_more_is_survived_without_a_restart";
    // Different limits (in blocks of 512 bytes) strike at different places of the file and its log.
    for blocks in [500, 777, 1_024, 2_001] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("daybook.db");
        let inner = child(test, &path, 0);
        let output = Command::new("sh")
            .arg("-c")
            .arg(format!("trap '' XFSZ; ulimit -S -f {blocks}; exec \"$0\" \"$@\""))
            .arg(inner.get_program())
            .args(inner.get_args())
            .envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains("went on after"), "{said}");
        let journal = open(&path);
        let events = log(&journal);
        assert!(events.iter().enumerate().all(|(n, kept)| kept.position == n as u64 + 1));
    }
}
