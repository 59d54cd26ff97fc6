//! Real threads: writers that contend, readers beside them, callers that go away.

use std::collections::HashMap;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};

use super::tools::{append, block_on, fill, fresh, item, log, stream};
use super::{Backend, Case};
use crate::{Expected, JournalError};

pub(super) const CASES: &[Case] = &[
    Case { name: "writers that contend lose nothing and double nothing", run: contention },
    Case { name: "the same command from many threads is written once", run: same_command },
    Case { name: "a reader beside writers sees a prefix that never changes", run: stable_prefix },
    Case { name: "an append whose caller goes away is whole or absent", run: dropped },
];

const THREADS: u128 = 8;
const EACH: u128 = 40;

fn contention(backend: &dyn Backend) {
    let (_place, journal, _) = fresh(backend);
    let streams = ["order-1", "order-2", "order-3"];
    let mut receipts = HashMap::new();
    let mut conflicts = 0;
    let start = Barrier::new(THREADS as usize);
    std::thread::scope(|scope| {
        let (journal, start) = (&*journal, &start);
        let writers: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    let mut mine = Vec::new();
                    let mut conflicts = 0;
                    for n in 0..EACH {
                        let name = streams[(thread + n) as usize % streams.len()];
                        let command = (thread << 32) + n + 1;
                        let mut version = stream(journal, name, u64::MAX).1;
                        // All have read before any appends: two or more meet on a stream.
                        start.wait();
                        let receipt = loop {
                            let payloads = vec!["{}"; 1 + n as usize % 2];
                            match append(journal, item(name, command, Expected::At(version), &payloads)) {
                                Ok(receipt) => break receipt,
                                Err(JournalError::Conflict { actual, .. }) => {
                                    conflicts += 1;
                                    assert_ne!(actual, version);
                                    version = actual;
                                }
                                Err(error) => panic!("{error}"),
                            }
                        };
                        assert_eq!(receipt.version, version + 1 + n as u64 % 2);
                        mine.push((command, (name, receipt)));
                    }
                    (mine, conflicts)
                })
            })
            .collect();
        for writer in writers {
            let (mine, lost) = writer.join().unwrap_or_else(|_| panic!("a writer failed"));
            receipts.extend(mine);
            conflicts += lost;
        }
    });
    assert!(conflicts > 0, "the writers never contended: the case has tested nothing");
    let events = log(&*journal);
    let mut versions = HashMap::new();
    let mut written: HashMap<u128, (u64, u64, u64)> = HashMap::new();
    for (n, kept) in events.iter().enumerate() {
        assert_eq!(kept.position, n as u64 + 1);
        let version = versions.entry(kept.stream.clone()).or_insert(0);
        *version += 1;
        assert_eq!(kept.version, *version);
        let entry = written.entry(kept.cause.command.as_u128()).or_insert((kept.position, 0, 0));
        (entry.1, entry.2) = (kept.position, kept.version);
    }
    assert_eq!(written.len(), receipts.len());
    for (command, (_, receipt)) in receipts {
        assert_eq!(written[&command], (receipt.first, receipt.last, receipt.version));
    }
}

fn same_command(backend: &dyn Backend) {
    let (_place, journal, _) = fresh(backend);
    for round in 0..20 {
        let name = format!("order-{round}");
        let receipts: Vec<_> = std::thread::scope(|scope| {
            let send = || append(&*journal, item(&name, 7, Expected::NoStream, &["{}", "{}"]));
            let callers: Vec<_> = (0..THREADS).map(|_| scope.spawn(send)).collect();
            callers.into_iter().map(|caller| caller.join()).collect()
        });
        let receipts: Vec<_> = receipts
            .into_iter()
            .map(|answer| answer.unwrap_or_else(|_| panic!("a caller failed")))
            .map(|answer| answer.unwrap_or_else(|error| panic!("{error}")))
            .collect();
        assert_eq!(receipts.iter().filter(|receipt| !receipt.replayed).count(), 1);
        assert!(receipts.iter().all(|r| (r.first, r.last) == (receipts[0].first, receipts[0].last)));
        assert_eq!(journal.head(), Ok(2 * (round + 1)));
    }
}

fn stable_prefix(backend: &dyn Backend) {
    let (_place, journal, _) = fresh(backend);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let journal = &*journal;
        let done = &done;
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(move || {
                    let mut before = Vec::new();
                    let mut grown = 0;
                    loop {
                        let last_round = done.load(Ordering::Acquire);
                        let head = journal.head().unwrap_or_else(|e| panic!("{e}"));
                        let now = log(journal);
                        assert!(now.len() as u64 >= head, "a head that cannot be read");
                        assert!(now.len() >= before.len() && now[..before.len()] == before[..]);
                        grown += usize::from(now.len() > before.len());
                        before = now;
                        if last_round {
                            return (before.len(), grown);
                        }
                    }
                })
            })
            .collect();
        let writers: Vec<_> = (0..4_u128)
            .map(|thread| {
                scope.spawn(move || {
                    for n in 0..50 {
                        let name = format!("order-{}", n % 5);
                        let command = (thread << 32) + n;
                        let receipt = fill(journal, [item(&name, command, Expected::Any, &["{}"; 3])])[0];
                        let head = journal.head().unwrap_or_else(|e| panic!("{e}"));
                        assert!(head >= receipt.last, "a receipt beyond the head");
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap_or_else(|_| panic!("a writer failed"));
        }
        done.store(true, Ordering::Release);
        for reader in readers {
            let (read, grown) = reader.join().unwrap_or_else(|_| panic!("a reader failed"));
            assert_eq!(read, 600);
            assert!(grown > 0);
        }
    });
}

fn dropped(backend: &dyn Backend) {
    let (_place, journal, _) = fresh(backend);
    let mut context = Context::from_waker(Waker::noop());
    for n in 0..200_u128 {
        let mut call = journal.append(vec![
            item(&format!("order-{n}"), n, Expected::NoStream, &["{}"; 3]),
            item(&format!("order-{n}"), n + 1_000, Expected::Any, &["{}"; 3]),
        ]);
        if n % 3 > 0 {
            let _ = call.as_mut().poll(&mut context);
        }
    }
    // Comes after everything that was handed over.
    block_on(journal.append(vec![item("market-1", 5_000, Expected::Any, &["{}"])]))[0]
        .as_ref()
        .unwrap_or_else(|e| panic!("{e}"));
    let mut found = 0;
    for n in 0..200 {
        let (events, version) = stream(&*journal, &format!("order-{n}"), 0);
        assert!(version % 3 == 0 && events.len() as u64 == version, "order-{n} is half written");
        found += usize::from(version > 0);
    }
    assert!(found <= 133, "what was never polled was written");
}
