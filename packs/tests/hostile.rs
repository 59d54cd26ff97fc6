//! Lines that somebody made to take a reader's time.
#![allow(clippy::unwrap_used)]

mod hand;

use std::time::{Duration, Instant};

use daybook_domain::Timestamp;
use daybook_packs::Figures;
use hand::{facts, moved};

#[test]
fn money_that_comes_back_in_any_order_of_time_is_put_in_its_place_without_moving_the_rest() {
    let mut facts = facts();
    let (rows, second) = (200_000, 1_000_000);
    let begin = Timestamp::parse("2024-01-02T00:00:00Z").unwrap().0;
    // the first, the last, the second, the last but one: each belongs into the middle of those before it
    let times = (0..rows / 2).flat_map(|n| [n, rows - 1 - n]);
    facts.account.extend(times.map(|n| {
        let mut row = moved(7, "2024-01-02T00:00:00Z", "ReserveReleased", [0, 1, 0, -1, 0, 0, 0]);
        row.at = Timestamp(begin + n * second);
        row
    }));
    let began = Instant::now();
    Figures::of(&facts).unwrap();
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}
