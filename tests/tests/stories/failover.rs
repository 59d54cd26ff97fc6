//! A market whose primary is lost while it works: behind the standby that takes over the books are whole. Every command that was
//! acknowledged is at the positions that were told, positions are dense, and every invariant holds.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use daybook_domain::PartyId;
use daybook_journal::postgres::cluster::Cluster;
use daybook_journal::postgres::server::Server;
use daybook_journal::{Filter, Journal, PostgresJournal};
use daybook_market::verify::verify;
use daybook_market::{AnyRequest, Market, MarketError};
use daybook_tests::stage::{Stage, cny, command};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Buyers that order at once.
const BUYERS: u64 = 4;

/// Whether the same may succeed later.
fn transient(error: &MarketError) -> bool {
    match error {
        MarketError::Command(error) => error.transient(),
        MarketError::Journal(error) => error.transient(),
        MarketError::Unavailable(_) => true,
        MarketError::Url(_) => false,
    }
}

/// What was acknowledged: the last position, by command.
type Acknowledged = Mutex<HashMap<Uuid, u64>>;

/// What the buyers share.
struct Shop {
    market: Arc<Market>,
    stop: AtomicBool,
    acknowledged: Acknowledged,
    /// How often somebody heard that it did not go, or that nobody knows.
    refused: AtomicU64,
    orders: AtomicU64,
}

impl Shop {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Sends the same until it is acknowledged, or it is time to go; whether it was.
    async fn insist(&self, category: &str, id: &str, ask: Value) -> bool {
        let name = format!("{category} {id} {ask}");
        let command_id = Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes());
        loop {
            let request =
                AnyRequest::new(command(category, id, &ask), command_id, PartyId::new("teller").unwrap());
            match self.market.execute(request).await {
                Ok(executed) => {
                    // one that moved nothing has no events of its own
                    if executed.receipt.is_some() {
                        self.acknowledged.lock().unwrap().insert(command_id, executed.position);
                    }
                    return true;
                }
                Err(error) => assert!(transient(&error), "{name}: {error}"),
            }
            self.refused.fetch_add(1, Ordering::Relaxed);
            if self.stopped() {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Orders, pays and receives, one order after the other.
    async fn buy(&self, buyer: u64) {
        for n in 0.. {
            let (order, checkout) = (format!("o{buyer}-{n}"), format!("c{buyer}-{n}"));
            let line = json!({"line": "1", "product": "p-1", "category": "toys", "quantity": 1,
                "unit_price": cny("40.00"), "discount": cny("0.00")});
            let steps = [
                (
                    "order",
                    &order,
                    json!({"action": "place", "checkout": checkout, "buyer": "b-1", "merchant": "m1",
                    "lines": [line], "shipping": cny("0.00"), "sales_channel": "own"}),
                ),
                (
                    "checkout",
                    &checkout,
                    json!({"action": "open", "buyer": "b-1", "currency": "CNY",
                    "orders": [{"order": order, "merchant": "m1", "buyer_pays": cny("40.00")}]}),
                ),
                (
                    "checkout",
                    &checkout,
                    json!({"action": "capture", "payment": "p1", "method": "wallet",
                    "provider": "alipay", "provider_ref": checkout, "amount": cny("40.00")}),
                ),
            ];
            for (category, id, ask) in steps {
                if !self.insist(category, id, ask).await {
                    return;
                }
            }
            self.orders.fetch_add(1, Ordering::Relaxed);
            if self.stopped() {
                return;
            }
        }
    }

    /// Lets follow what follows, as a server does, whatever is away meanwhile.
    async fn drive(&self) {
        while !self.stopped() {
            if let Err(error) = self.market.run_until_quiet().await {
                assert!(transient(&error), "{error}");
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until so many more orders have been paid, or one of those who work at it fails, which is what is shown then.
    async fn sells(&self, more: u64, tasks: &mut Vec<JoinHandle<()>>) {
        let (began, before) = (Instant::now(), self.orders.load(Ordering::Relaxed));
        while self.orders.load(Ordering::Relaxed) < before + more {
            if let Some(ended) = tasks.iter().position(JoinHandle::is_finished) {
                tasks.swap_remove(ended).await.unwrap();
                panic!("somebody left before it was time");
            }
            assert!(began.elapsed().as_secs() < 90, "it did not go on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// How often the primary is lost, where that is often enough.
fn rounds() -> u64 {
    if std::env::var("DAYBOOK_LONG").is_ok_and(|value| value == "yes") { 20 } else { 2 }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_whose_primary_is_lost_under_load_has_whole_books_behind_the_standby_that_takes_over() {
    if Server::left_out() {
        return;
    }
    let (cluster, folder) = (Cluster::start(&[]), tempfile::tempdir().unwrap());
    let cluster = Arc::new(cluster);
    let mut stage = Stage::in_database(cluster.url(), folder.path());
    stage.merchant("m1", "0.00").await;
    let shop = Arc::new(Shop {
        market: Arc::clone(&stage.market),
        stop: AtomicBool::new(false),
        acknowledged: Mutex::default(),
        refused: AtomicU64::new(0),
        orders: AtomicU64::new(0),
    });
    let mut tasks = Vec::new();
    for buyer in 0..BUYERS {
        let shop = Arc::clone(&shop);
        tasks.push(tokio::spawn(async move { shop.buy(buyer).await }));
    }
    let driven = Arc::clone(&shop);
    tasks.push(tokio::spawn(async move { driven.drive().await }));
    let (mut unheard, mut round) = (0, 0);
    // a primary may die at a moment at which nothing is under way that somebody misses: then another is cut off and lost
    while round < rounds() || (unheard == 0 && round < rounds() + 6) {
        shop.sells(20, &mut tasks).await;
        let there = Arc::clone(&cluster);
        let cut_off = round % 2 == 1 || round >= rounds();
        let before = shop.refused.load(Ordering::Relaxed);
        tokio::task::spawn_blocking(move || {
            // every other time, and where it is done once more, the standbys do not hear the last of it
            if cut_off {
                there.cut_off_standbys();
                std::thread::sleep(Duration::from_millis(300));
            }
            there.does("kill", &[]);
            there.does("promote", &[]);
        })
        .await
        .unwrap();
        shop.sells(BUYERS + 1, &mut tasks).await;
        // where they heard all of it, the standby that takes over may have it all, and nobody has to hear of anything
        unheard += if cut_off { shop.refused.load(Ordering::Relaxed) - before } else { 0 };
        let there = Arc::clone(&cluster);
        tokio::task::spawn_blocking(move || there.does("rejoin", &[])).await.unwrap();
        round += 1;
    }
    shop.stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
    stage.settle().await;
    let refused = stage.refused_reactions();
    assert!(refused.is_empty(), "{refused:#?}");
    assert!(unheard > 0, "nobody lost what no standby had heard of: the test has tested half of it");
    let refused = shop.refused.load(Ordering::Relaxed);
    let acknowledged = std::mem::take(&mut *shop.acknowledged.lock().unwrap());
    drop((shop, stage));

    // the surviving database, opened by somebody else
    let journal = PostgresJournal::open_read_only(cluster.url()).unwrap();
    let (mut last, mut found) = (0, HashMap::new());
    let scanned = journal.scan(0, None, &Filter::default(), &mut |event| {
        assert_eq!(event.position, last + 1, "a hole");
        last = event.position;
        found.insert(event.command, event.position);
        ControlFlow::Continue(())
    });
    scanned.unwrap();
    assert_eq!(journal.head(), Ok(last));
    for (command, position) in &acknowledged {
        assert_eq!(found.get(command), Some(position), "command {command} was acknowledged");
    }
    let checked = verify(&journal, &mut |_, _, _| {}).unwrap();
    assert!(checked.clean(), "{:#?}", checked.checks);
    println!("{last} events; {} commands acknowledged, {refused} times refused", acknowledged.len());
}
