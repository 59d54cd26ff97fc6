//! Killed for real: a child process takes commands or imports, dies by SIGKILL at a random moment, and the market
//! is opened again. Ten kills of each; `DAYBOOK_LONG=1` makes it two hundred.
//!
//! A child is this test binary again, told by environment variables what to do.
#![allow(clippy::unwrap_used, clippy::print_stdout)]
#![cfg(unix)]

mod crash {
    pub mod tables;
}

use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use daybook_domain::{PartyId, Rate};
use daybook_journal::{Filter, Journal};
use daybook_market::olist::{Plan, import};
use daybook_market::verify::verify;
use daybook_market::{AnyRequest, Market, Options};
use daybook_tests::stage::{cny, command};
use serde_json::json;
use uuid::Uuid;

const FOLDER: &str = "DAYBOOK_TEST_FOLDER";
const ROUND: &str = "DAYBOOK_TEST_ROUND";

fn kills() -> u64 {
    if std::env::var_os("DAYBOOK_LONG").is_some() { 200 } else { 10 }
}

fn spawn(test: &str, folder: &Path, round: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(FOLDER, folder)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// The folder and the round, in a child.
fn told() -> Option<(PathBuf, u64)> {
    let folder = std::env::var_os(FOLDER)?;
    Some((folder.into(), std::env::var(ROUND).unwrap().parse().unwrap()))
}

fn market(folder: &Path) -> Arc<Market> {
    let url = format!("sqlite:{}", folder.join("daybook.db").display());
    Arc::new(Market::open(&url, Options::default()).unwrap())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn no_violation(journal: &dyn Journal) {
    let report = verify(journal, &mut |_, _, _| {}).unwrap();
    let violated: Vec<_> = report.checks.iter().filter(|check| check.violated > 0).collect();
    assert!(violated.is_empty(), "{violated:#?}");
}

/// A pause of `from` to `from + spread` milliseconds, another for each round.
fn life(round: u64, from: u64, spread: u64) -> Duration {
    let mixed = (round + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Duration::from_millis(from + (mixed >> 33) % spread)
}

// --- commands ---------------------------------------------------------------------------------------------

/// Baskets for ever: opened, placed, paid; each command acknowledged on standard output once it is durable.
async fn sell_for_ever(market: Arc<Market>, round: u64) {
    let _running = market.spawn();
    let tasks = (0..16u64).map(|task| {
        let market = Arc::clone(&market);
        tokio::spawn(async move {
            for n in 0u64.. {
                for (step, request) in basket(round, task, n).into_iter().enumerate() {
                    let (stream, id) = (request.command.stream(), request.command_id);
                    let done = market.execute(request).await.unwrap();
                    assert!(!done.already, "step {step} of {stream}");
                    let line = format!("ack {stream} {id}\n");
                    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

fn basket(round: u64, task: u64, n: u64) -> Vec<AnyRequest> {
    let name = format!("{round}-{task}-{n}");
    let (checkout, order) = (format!("c-{name}"), format!("o-{name}"));
    let due = json!([{"order": order, "merchant": "m1", "buyer_pays": cny("12.34")}]);
    let line = json!({"line": "1", "product": "p1", "category": "toys", "quantity": 1,
        "unit_price": cny("12.34"), "discount": cny("0.00"), "commission_rate": "0.10"});
    let steps = [
        ("checkout", &checkout, json!({"action": "open", "buyer": "b1", "currency": "CNY", "orders": due})),
        (
            "order",
            &order,
            json!({"action": "place", "checkout": checkout, "buyer": "b1", "merchant": "m1",
                "lines": [line], "shipping": cny("0.00"), "sales_channel": "own"}),
        ),
        (
            "checkout",
            &checkout,
            json!({"action": "capture", "payment": "p", "method": "wallet", "provider": "alipay",
                "provider_ref": name, "amount": cny("12.34")}),
        ),
    ];
    let requests = steps.iter().enumerate().map(|(step, (category, id, asked))| {
        let id_of_command = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{name}/{step}").as_bytes());
        let actor = PartyId::new("crash").unwrap();
        let mut request = AnyRequest::new(command(category, id, asked), id_of_command, actor);
        // rates come with the command: this market has no merchants
        request.import = *category == "order";
        request
    });
    requests.collect()
}

/// What one child had acknowledged when it died; its life begins with the process, or with the first that it acknowledges.
fn acknowledged(mut child: Child, life: Duration, with_the_first: bool) -> Vec<(String, Uuid)> {
    let out = BufReader::new(child.stdout.take().unwrap());
    let (first, came) = sync_channel(1);
    let reader = std::thread::spawn(move || {
        let lines = out.split(b'\n').map(|line| String::from_utf8(line.unwrap()).unwrap());
        let acked = lines.filter_map(|line| {
            // The last line may be cut off: then its id is no UUID.
            let (stream, id) = line.split_once("ack ")?.1.split_once(' ')?;
            let one = (stream.to_owned(), id.parse().ok()?);
            let _ = first.try_send(()); // the others are not waited for
            Some(one)
        });
        acked.collect()
    });
    if with_the_first {
        came.recv_timeout(Duration::from_secs(60)).expect("a command is acknowledged");
    }
    std::thread::sleep(life);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

#[test]
fn no_acknowledged_command_is_lost_or_doubled_when_the_process_is_killed() {
    if let Some((folder, round)) = told() {
        return runtime().block_on(sell_for_ever(market(&folder), round));
    }
    let test = "no_acknowledged_command_is_lost_or_doubled_when_the_process_is_killed";
    let folder = tempfile::tempdir().unwrap();
    let mut total = 0;
    for round in 0..kills() {
        // every other dies at work, however long it takes to come to it; the others may while they still begin
        let at_work = round % 2 == 1;
        let acked = acknowledged(spawn(test, folder.path(), round), life(round, 150, 500), at_work);
        total += acked.len();
        let market = market(folder.path());
        runtime().block_on(market.run_until_quiet()).unwrap();
        let mut ids = HashSet::new();
        let mut commands = HashSet::new();
        let mut expected = 1;
        let scanned = market.journal().scan(0, None, &Filter::default(), &mut |e| {
            assert_eq!(e.position, expected, "a hole in the journal");
            expected += 1;
            assert!(ids.insert(e.id), "event {} stands twice", e.id);
            commands.insert((e.stream.to_owned(), e.command));
            ControlFlow::Continue(())
        });
        scanned.unwrap();
        for one in &acked {
            assert!(commands.contains(one), "{one:?} was acknowledged and is gone");
        }
        no_violation(market.journal().as_ref());
        assert!(market.refused_reactions(10).unwrap().is_empty());
    }
    assert!(total as u64 > 5 * kills(), "only {total} commands: the kills came before the work");
}

// --- imports ----------------------------------------------------------------------------------------------

fn run_import(folder: &Path) {
    let plan = Plan::read(&folder.join("olist"), Rate::new(10, 2)).unwrap();
    let market = market(folder);
    let report = runtime().block_on(import(&market, &plan, |_, _| {})).unwrap();
    assert!(report.complete, "{:?}", report.refusals);
}

/// Every stream's events, but for when and where the journal took them.
fn history(folder: &Path) -> BTreeMap<String, Vec<(Uuid, String, i64, String)>> {
    let mut all: BTreeMap<String, Vec<_>> = BTreeMap::new();
    let market = market(folder);
    let scanned = market.journal().scan(0, None, &Filter::default(), &mut |e| {
        let event = (e.id, e.kind.to_owned(), e.occurred_at, e.data.to_owned());
        all.entry(e.stream.to_owned()).or_default().push(event);
        ControlFlow::Continue(())
    });
    scanned.unwrap();
    // the market's own beginning takes its time from the clock
    all.remove("market-main");
    all
}

#[test]
fn an_import_killed_at_any_moment_goes_on_to_the_same_history() {
    if let Some((folder, _)) = told() {
        return run_import(&folder);
    }
    let test = "an_import_killed_at_any_moment_goes_on_to_the_same_history";
    let whole = tempfile::tempdir().unwrap();
    crash::tables::write(&whole.path().join("olist"), 600);
    run_import(whole.path());
    let wanted = history(whole.path());
    assert!(wanted.len() > 1_200, "{} streams", wanted.len());

    let (mut kill, mut torn) = (0, 0);
    while kill < kills() {
        let folder = tempfile::tempdir().unwrap();
        crash::tables::write(&folder.path().join("olist"), 600);
        // a few deaths in a row before it may finish
        for _ in 0..3 {
            let mut child = spawn(test, folder.path(), kill);
            std::thread::sleep(life(kill, 20, 700));
            torn += u64::from(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
            child.wait().unwrap();
            kill += 1;
            if folder.path().join("daybook.db").exists() {
                no_violation(market(folder.path()).journal().as_ref());
            }
        }
        run_import(folder.path());
        let found = history(folder.path());
        assert_eq!(found.len(), wanted.len());
        for (stream, events) in &wanted {
            assert_eq!(Some(events), found.get(stream), "{stream}");
        }
        no_violation(market(folder.path()).journal().as_ref());
    }
    assert!(torn > 0, "every import had finished before it was killed");
}
