//! The market's background task.

#![allow(clippy::unwrap_used)] // a test may panic

use std::sync::Arc;
use std::time::Duration;

use daybook_market::{Market, Options};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_by_itself_ends_when_nobody_holds_it_any_more() {
    let market = Arc::new(Market::open("memory:", Options::default()).unwrap());
    let running = market.spawn();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(Arc::strong_count(&market), 2, "it runs");
    drop(running);
    let ended = async {
        while Arc::strong_count(&market) > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), ended).await.unwrap();
}
