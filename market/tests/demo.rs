//! The simulated market: it runs, nothing of it is refused, and the same seed gives the same history.

#![allow(clippy::unwrap_used)] // a test may panic

use std::sync::Arc;

use daybook_commands::ManualClock;
use daybook_journal::{Filter, Journal};
use daybook_market::demo::{self, Report};
use daybook_market::{Market, Options};

fn simulate(options: demo::Options) -> (Report, Vec<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let clock = Arc::new(ManualClock::at(0));
    let market =
        Market::open("memory:", Options { clock: Arc::clone(&clock) as _, ..Options::default() }).unwrap();
    let report = runtime.block_on(demo::run(&market, &clock, options, &mut |_, _| {})).unwrap();
    let refused = market.refused_reactions(100).unwrap();
    assert!(refused.is_empty(), "reactions were refused: {refused:#?}");
    let mut events = Vec::new();
    let journal: &dyn Journal = market.journal().as_ref();
    journal
        .scan(0, None, &Filter::default(), &mut |e| {
            events.push(format!(
                "{} {} {} {} {} {}",
                e.position, e.stream, e.id, e.kind, e.occurred_at, e.data
            ));
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    let checked = daybook_market::verify::verify(journal, &mut |_, _, _| {}).unwrap();
    assert!(checked.clean() && checked.covered(), "{:#?}", checked.checks);
    (report, events)
}

#[test]
fn the_same_seed_gives_the_same_history_and_every_story_is_told() {
    let options = demo::Options { days: 12, orders_per_day: 120, seed: 7 };
    let (report, events) = simulate(options);
    assert!(report.refused.is_empty(), "commands were refused: {:?}", report.refused);
    assert_eq!(report.stories.len(), 30, "{:?}", report.stories);
    let (again, events_again) = simulate(options);
    assert_eq!(report, again);
    assert_eq!(events.len(), events_again.len());
    for (one, two) in events.iter().zip(&events_again) {
        assert_eq!(one, two);
    }
}

#[test]
fn another_seed_gives_another_history() {
    let options = demo::Options { days: 1, orders_per_day: 20, seed: 7 };
    let (_, events) = simulate(options);
    let (_, other) = simulate(demo::Options { seed: 8, ..options });
    assert_ne!(events, other);
}
