//! The served market under mixed load, killed by SIGKILL and started again, over and over: what was answered is there,
//! once, and memory does not grow. A few kills within seconds; `DAYBOOK_LONG=1` makes it thirty minutes with a kill
//! each minute. Each life of the service prints what it did (`--nocapture`).

#![allow(clippy::unwrap_used, clippy::print_stdout)]
#![cfg(target_os = "linux")]

mod place;
mod endurance {
    pub mod line;
}

use std::collections::HashSet;
use std::fs::File;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};
use std::net::{SocketAddr, TcpListener};
use std::ops::ControlFlow;
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use daybook_journal::{Filter, Journal, SqliteJournal};
use endurance::line::Line;
use place::Place;
use serde_json::{Value, json};

/// How long it goes on.
struct Size {
    kills: usize,
    life: Duration,
    /// Between the requests of a client: half an hour of them must fit on a disk.
    pause: Duration,
}

fn size() -> Size {
    if std::env::var_os("DAYBOOK_LONG").is_some() {
        Size { kills: 30, life: Duration::from_secs(60), pause: Duration::from_millis(4) }
    } else {
        Size { kills: 3, life: Duration::from_secs(3), pause: Duration::ZERO }
    }
}

const SELLERS: usize = 4;
const BATCHED: usize = 10;

/// What the clients share.
struct Load<'a> {
    address: SocketAddr,
    key: &'a str,
    pause: Duration,
    over: &'a AtomicBool,
    /// Streams and positions that were answered and not looked for yet.
    answered: Mutex<Vec<(u64, u64)>>,
    commands: AtomicU64,
    reads: AtomicU64,
    /// Position and digest that the feed has come to.
    fed: Mutex<(u64, u64)>,
}

fn hash(what: impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(what)
}

/// The digest of a series of events goes on with this one.
fn and(digest: u64, id: &str) -> u64 {
    hash((digest, id))
}

fn money() -> Value {
    json!({"amount": "12.34", "currency": "CNY"})
}

fn basket(id: &str) -> Value {
    json!({"buyer": "b1", "currency": "CNY",
        "orders": [{"order": format!("o-{id}"), "merchant": "m1", "buyer_pays": money()}]})
}

impl Load<'_> {
    fn line(&self) -> Line<'_> {
        Line::new(self.address, self.key, self.over)
    }

    fn keep(&self, answer: &Value) -> u64 {
        let position = answer["position"].as_u64().unwrap();
        self.answered.lock().unwrap().push((hash(answer["stream"].as_str().unwrap()), position));
        self.commands.fetch_add(1, Ordering::Relaxed);
        position
    }

    /// Baskets: opened, seen, paid for.
    fn sell(&self, client: usize) -> Option<()> {
        let mut line = self.line();
        for n in 0u64.. {
            let id = format!("{client}-{n}");
            let opened = line.post(&format!("/v1/checkouts/c-{id}/open"), &id, &basket(&id))?;
            let at = self.keep(&opened);
            if n % 4 == 0 {
                let seen = line.get(&format!("/v1/checkouts/c-{id}"), at)?;
                assert_eq!(seen["checkout"]["checkout_id"], format!("c-{id}"), "{seen}");
                self.reads.fetch_add(1, Ordering::Relaxed);
            }
            let paid = json!({"payment": "p1", "method": "wallet", "provider": "alipay", "provider_ref": id,
                "amount": money()});
            self.keep(&line.post(&format!("/v1/checkouts/c-{id}/authorise"), &format!("pay-{id}"), &paid)?);
            std::thread::sleep(self.pause);
        }
        None
    }

    /// The same in batches.
    fn batch(&self) -> Option<()> {
        let mut line = self.line();
        for n in 0u64.. {
            let items = (0..BATCHED).map(|item| {
                let id = format!("batch-{n}-{item}");
                json!({"path": format!("/v1/checkouts/c-{id}/open"), "idempotency_key": id, "body": basket(&id)})
            });
            let batch = json!({"ordered": false, "items": items.collect::<Vec<_>>()});
            loop {
                let done = line.post("/v1/batch", "-", &batch)?;
                let results = done["results"].as_array().unwrap();
                // what was under way when the service died, or waits: the whole batch again
                if results.iter().any(|result| matches!(result["status"].as_u64(), Some(409 | 503))) {
                    continue;
                }
                for result in results {
                    assert!(matches!(result["status"].as_u64(), Some(200 | 201)), "{result}");
                    self.keep(&result["body"]);
                }
                break;
            }
            std::thread::sleep(self.pause * 10);
        }
        None
    }

    fn read(&self) -> Option<()> {
        let mut line = self.line();
        loop {
            let seen = line.get("/v1/orders/o", 0)?;
            assert_eq!(seen["order"]["order_id"], "o", "{seen}");
            self.reads.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(self.pause);
        }
    }

    /// Follows the feed of events, page by page.
    fn follow(&self) -> Option<()> {
        let mut line = self.line();
        loop {
            let (after, mut digest) = *self.fed.lock().unwrap();
            let page = line.get(&format!("/v1/events?after={after}&limit=500"), 0)?;
            let mut expected = after;
            for event in page["events"].as_array().unwrap() {
                expected += 1;
                assert_eq!(event["position"], expected.to_string(), "the feed skips or repeats");
                digest = and(digest, event["id"].as_str().unwrap());
            }
            *self.fed.lock().unwrap() = (expected, digest);
            std::thread::sleep(self.pause.max(Duration::from_millis(5)));
        }
    }
}

/// What the journal was seen to hold.
#[derive(Default)]
struct Seen {
    /// The stream of each position.
    streams: Vec<u64>,
    /// What a basket has once.
    once: HashSet<u64>,
    ids: HashSet<u128>,
    digest: u64,
}

impl Seen {
    /// Reads on, beside whoever writes.
    fn look(&mut self, place: &Place) {
        let journal = SqliteJournal::open_read_only(place.path("daybook.db")).unwrap();
        let after = self.streams.len() as u64;
        let scanned = journal.scan(after, None, &Filter::default(), &mut |event| {
            assert_eq!(event.position, self.streams.len() as u64 + 1, "a hole in the journal");
            assert!(self.ids.insert(event.id.as_u128()), "event {} stands twice", event.id);
            if event.stream.starts_with("checkout-c-") {
                let (stream, kind) = (event.stream, event.kind);
                assert!(self.once.insert(hash((stream, kind))), "{stream} has {kind} twice");
            }
            self.streams.push(hash(event.stream));
            self.digest = and(self.digest, &event.id.to_string());
            ControlFlow::Continue(())
        });
        scanned.unwrap();
    }

    /// Looks for what was answered.
    fn find(&mut self, place: &Place, answered: Vec<(u64, u64)>) {
        self.look(place);
        for (stream, position) in answered {
            let found = self.streams.get(position as usize - 1);
            assert_eq!(found, Some(&stream), "what was answered as position {position} is not there");
        }
    }
}

/// Starts it and waits until it listens; `None`: another has its port.
fn start(place: &Place, address: SocketAddr) -> Option<Child> {
    let path = place.path("said");
    let before = std::fs::metadata(&path).map_or(0, |file| file.len() as usize);
    let file = File::options().create(true).append(true).open(&path).unwrap();
    let listen = address.to_string();
    let args = ["serve", "--listen", &listen, "--no-progress", "--log-level", "warn"];
    let mut child = place.command(&args).stderr(Stdio::from(file)).spawn().unwrap();
    let begun = Instant::now();
    loop {
        // asked before what it said is read: then that is all of it
        let ended = child.try_wait().unwrap();
        let said = std::fs::read_to_string(&path).unwrap();
        let said = &said[before..];
        if let Some(ended) = ended {
            assert!(said.contains("cannot listen on "), "{ended}: {said}");
            return None;
        }
        if said.contains("listening on ") {
            return Some(child);
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not listen: {said}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Starts it where it was. A client that asks for it while it is away may come upon its port, and lets go of it soon.
fn again(place: &Place, address: SocketAddr) -> Child {
    let begun = Instant::now();
    loop {
        if let Some(child) = start(place, address) {
            return child;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "another keeps {address}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Memory of its own in MiB: pages of files that it maps come and go with the files.
fn memory(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
}

/// Waits until it answers; how long that took.
fn ready(load: &Load<'_>, seconds: u64) -> Duration {
    let begun = Instant::now();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| Line::new(load.address, load.key, &over).get("/v1/orders/o", 0));
        while !asking.is_finished() && begun.elapsed() < Duration::from_secs(seconds) {
            std::thread::sleep(Duration::from_millis(2));
        }
        over.store(true, Ordering::Relaxed);
        assert!(asking.join().unwrap().is_some(), "it does not answer within {seconds} s");
    });
    begun.elapsed()
}

#[test]
fn a_served_market_that_is_killed_again_and_again_loses_and_doubles_nothing() {
    let Size { kills, life, pause } = size();
    let place = Place::with_a_sale();
    let key = place.json(&["key", "create", "--role", "admin"]);
    // a port that is free now, and again each time the service is gone; another may be quicker to take it
    let begun = (0..10).find_map(|_| {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        start(&place, address).map(|child| (address, child))
    });
    let (address, mut child) = begun.unwrap();
    let over = AtomicBool::new(false);
    let load = Load {
        address,
        key: key["key"].as_str().unwrap(),
        pause,
        over: &over,
        answered: Mutex::default(),
        commands: AtomicU64::new(0),
        reads: AtomicU64::new(0),
        fed: Mutex::default(),
    };
    let mut seen = Seen::default();
    let mut sizes = Vec::new();
    let last = std::thread::scope(|scope| {
        for client in 0..SELLERS {
            let load = &load;
            scope.spawn(move || load.sell(client));
        }
        scope.spawn(|| load.batch());
        scope.spawn(|| load.read());
        scope.spawn(|| load.follow());
        // whatever fails here must end the clients as well
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for kill in 0..=kills {
                let (commands, reads) = (&load.commands, &load.reads);
                let before = (commands.load(Ordering::Relaxed), reads.load(Ordering::Relaxed));
                let ready = ready(&load, 300);
                std::thread::sleep(life);
                let memory = memory(&child);
                if kill < kills {
                    child.kill().unwrap();
                    child.wait().unwrap();
                    let answered = std::mem::take(&mut *load.answered.lock().unwrap());
                    child = again(&place, address);
                    seen.find(&place, answered);
                }
                println!(
                    "life {:2}: ready in {:4} ms, {:6} commands, {:6} reads, {:8} events in the journal, {memory} MiB",
                    kill + 1,
                    ready.as_millis(),
                    commands.load(Ordering::Relaxed) - before.0,
                    reads.load(Ordering::Relaxed) - before.1,
                    seen.streams.len(),
                );
                sizes.push(memory);
            }
            // commands end, the feed goes on to the end
            let end = SqliteJournal::open_read_only(place.path("daybook.db")).unwrap();
            while load.fed.lock().unwrap().0 < end.head().unwrap().min(seen.streams.len() as u64) {
                std::thread::sleep(Duration::from_millis(20));
            }
        }));
        over.store(true, Ordering::Relaxed);
        ran
    });
    if let Err(panic) = last {
        let _ = child.kill();
        std::panic::resume_unwind(panic);
    }
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(
        child.wait().unwrap().code(),
        Some(0),
        "{}",
        std::fs::read_to_string(place.path("said")).unwrap()
    );

    seen.find(&place, load.answered.into_inner().unwrap());
    let (fed, digest) = load.fed.into_inner().unwrap();
    let mut whole = Seen::default();
    whole.look(&place);
    assert_eq!(whole.digest, seen.digest, "what was read once reads the same again");
    let journal = SqliteJournal::open_read_only(place.path("daybook.db")).unwrap();
    let mut told = 0;
    journal
        .scan(0, Some(fed), &Filter::default(), &mut |event| {
            told = and(told, &event.id.to_string());
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(digest, told, "the feed told what the journal holds");
    let verified = place.run(&["verify", "--no-progress"]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
    println!("{}", verified.out.lines().last().unwrap_or_default());
    let commands = load.commands.into_inner();
    assert!(commands > 50 * kills as u64, "only {commands} commands: the kills came before the work");
    // the first lives fill what is kept in memory
    if let [first @ .., _, _, _, _, _] = &sizes[..]
        && let Some(usual) = first.iter().max()
    {
        let last = sizes.iter().rev().take(5).max().unwrap();
        assert!(last * 10 <= usual * 13, "memory grows: {sizes:?}");
    }
}
