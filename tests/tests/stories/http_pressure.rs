//! More than can be answered: whoever is turned away is told so and when to come again, and nothing is lost or done twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use daybook_api::{Serving, Settings};
use daybook_tests::site::{Ask, Client, Site, key};
use daybook_tests::stage::Stage;
use serde_json::json;

const CLIENTS: u64 = 100;
const EACH: u64 = 5;

/// Captures leads over many connections, again and again where it is turned away; how often it was.
async fn crowd(settings: Settings, why: &'static str) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::in_folder(folder.path(), Stage::start());
    stage.merchant("m1", "0.00").await;
    let site = Site::serving(&stage, Serving::default(), |service| service.with(settings)).await;
    let before = stage.market.journal().head().unwrap();
    let (address, turned_away) = (site.address, Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let turned_away = Arc::clone(&turned_away);
            std::thread::spawn(move || {
                let mut connection = Client::to(address);
                for n in 0..EACH {
                    let lead = json!({"origin": "organic_search", "first_contact": "2026-02-01T00:00:00Z"});
                    let ask = Ask::new("POST", &format!("/v1/leads/l{client}-{n}/capture"))
                        .header("Authorization", key("admin"))
                        .header("Idempotency-Key", format!("k{n}"))
                        .json(&lead);
                    loop {
                        let answer = connection.ask(&ask);
                        if answer.status == 201 {
                            assert_eq!(
                                answer.header("idempotency-replayed"),
                                "",
                                "who is turned away did nothing"
                            );
                            break;
                        }
                        assert_eq!(
                            (answer.status, &answer.body["code"]),
                            (503, &json!("overloaded")),
                            "{answer:?}"
                        );
                        assert_eq!(answer.header("retry-after"), "1");
                        assert!(answer.body["detail"].as_str().unwrap().contains(why), "{answer:?}");
                        turned_away.fetch_add(1, Ordering::Relaxed);
                        std::thread::sleep(Duration::from_millis(5 + client % 20));
                    }
                }
            })
        })
        .collect();
    tokio::task::spawn_blocking(move || clients.into_iter().for_each(|client| client.join().unwrap()))
        .await
        .unwrap();
    assert_eq!(stage.market.journal().head().unwrap(), before + CLIENTS * EACH, "each lead once");
    site.stop().await;
    turned_away.load(Ordering::Relaxed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_with_too_much_before_it_turns_commands_away_and_loses_none() {
    let settings = Settings { max_queued: 0, ..Settings::default() };
    assert!(crowd(settings, "events wait to be written; nothing was changed").await > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_requests_than_there_is_room_for_are_turned_away_and_none_is_lost() {
    let settings = Settings { max_requests: 8, ..Settings::default() };
    assert!(crowd(settings, "8 requests are under way").await > 0);
}
