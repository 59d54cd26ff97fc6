//! (c): one full scan with every event decoded into its type.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use daybook_domain::Event;
use daybook_journal::baseline::raw_scan;
use daybook_journal::{Filter, Journal, Position, SqliteJournal};

use super::Size;
use super::figure::{Figure, Row};
use super::load::{Load, Watch};
use super::room::{failed, median, per_second};
use crate::failure::Failure;

/// Measures the journal at `path`.
pub fn measure(path: &Path, size: &Size) -> Result<Figure, Failure> {
    let journal = SqliteJournal::open_read_only(path)?;
    let (mut raws, mut one, mut two) = (Vec::new(), Vec::new(), Vec::new());
    let (mut load_one, mut load_two) = (Load::default(), Load::default());
    for _ in 0..size.scans {
        let (events, sum, took) = raw_scan(path).map_err(failed)?;
        black_box(sum);
        raws.push(per_second(events as usize, took));
        let (rate, load) = decoded(&journal, 1)?;
        one.push(rate);
        load_one = load_one.and(&load);
        let (rate, load) = decoded(&journal, 2)?;
        two.push(rate);
        load_two = load_two.and(&load);
    }
    let one = median(one);
    let row = |what: &str, rate| Row::rate(what, "events/s", rate);
    Ok(Figure {
        figure: 'c',
        title: "one full scan with typed decode",
        rows: vec![
            row("one thread", one)
                .against("raw scan that touches every column, one thread", median(raws))
                .at_least(0.6),
            row("two threads, each half of the positions", median(two))
                .against("one thread", one)
                .at_least(1.4),
        ],
        limited_by: vec![
            format!("one thread: {}", load_one.limit()),
            format!("two threads: {}", load_two.limit()),
        ],
    })
}

/// Events per second when so many threads each decode their share of the positions.
fn decoded(journal: &SqliteJournal, threads: u64) -> Result<(f64, Load), Failure> {
    let head = journal.head()?;
    let watch = Watch::start();
    let began = Instant::now();
    let share = |n: u64| head * n / threads;
    let scanned: Vec<Result<usize, Failure>> = std::thread::scope(|scope| {
        let others: Vec<_> =
            (1..threads).map(|n| scope.spawn(move || range(journal, share(n), share(n + 1)))).collect();
        let mut all = vec![range(journal, 0, share(1))];
        all.extend(others.into_iter().map(|t| t.join().unwrap_or_else(|_| Err(failed("a thread panicked")))));
        all
    });
    let took: Duration = began.elapsed();
    let load = watch.stop();
    let events = scanned.into_iter().sum::<Result<usize, Failure>>()?;
    Ok((per_second(events, took), load))
}

fn range(journal: &SqliteJournal, after: Position, upto: Position) -> Result<usize, Failure> {
    let (mut events, mut broken) = (0, None);
    journal.scan(after, Some(upto), &Filter::default(), &mut |event| match Event::decode(
        event.kind,
        event.schema,
        event.data,
    ) {
        Ok(decoded) => {
            black_box(&decoded);
            events += 1;
            ControlFlow::Continue(())
        }
        Err(error) => {
            broken = Some(failed(format!("position {}: {error}", event.position)));
            ControlFlow::Break(())
        }
    })?;
    broken.map_or(Ok(events), Err)
}
