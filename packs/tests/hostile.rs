//! Lines that somebody made to take a reader's time.
#![allow(clippy::unwrap_used)]

mod hand;

use daybook_domain::Timestamp;
use daybook_packs::Figures;
use hand::{facts, moved};

/// It is not held to a time: each row is put where a tree puts it. In a list that is sorted by moving the rest, this would take minutes.
#[test]
fn money_that_comes_back_in_any_order_of_time_goes_out_by_when_it_first_came() {
    let mut facts = facts();
    let (rows, second, day) = (200_000i64, 1_000_000, 86_400_000_000);
    let begin = Timestamp::parse("2024-01-02T00:00:00Z").unwrap().0;
    // the first, the last, the second, the last but one: each belongs into the middle of those before it
    let times = (0..rows / 2).flat_map(|n| [n, rows - 1 - n]);
    facts.account.truncate(1);
    facts.account[0].available.0 = 0;
    facts.account.extend(times.map(|n| {
        let mut row = moved(7, "2024-01-02T00:00:00Z", "ReserveReleased", [0, 1, 0, -1, 0, 0, 0]);
        row.at = Timestamp(begin + n * second);
        row
    }));
    // half of it, ten days after the first came
    let half = rows / 2;
    for (event, change) in
        [("PayoutRequested", [0, -half, 0, 0, half, 0, 0]), ("PayoutConfirmed", [0, 0, 0, 0, -half, 0, 0])]
    {
        let mut row = moved(8, "2024-01-12T00:00:00Z", event, change);
        row.reference = Some("p1".to_owned());
        facts.account.push(row);
    }
    let figures = Figures::of(&facts).unwrap();
    let told = figures.figures.iter().find(|figure| figure.id == "days.to_paid_out").unwrap();
    // those that came first have waited for ten days less half of what lies between them
    let waited = 10 * day - (half - 1) * second / 2;
    assert_eq!(told.value, Some(format!("{}.{}", waited / day, (waited % day * 10 + day / 2) / day)));
}
