//! (d): read models made from the journal, and appends while they follow it.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use daybook_journal::{Journal, SqliteJournal};
use daybook_projections::{AsOf, Follower, ReadModels};
use tokio::runtime::Runtime;

use super::Size;
use super::deposits;
use super::figure::{Figure, Row};
use super::histories::Recorder;
use super::load::{Load, Memory, Watch};
use super::room::{Ground, Room, failed, median, per_second};
use crate::failure::Failure;

/// One row to a key, no child rows.
const SIMPLE: &str = "deposits";
/// Events of an append while models follow.
const BATCH: usize = 64;
/// Above this many events a rebuild is timed once: it lasts long enough.
const LONG: u64 = 500_000;

/// Measures rebuilds of the journal at `path` and appends to new ones.
pub fn measure(room: &Room, runtime: &Runtime, size: &Size, path: &Path) -> Result<Figure, Failure> {
    let mut figure = Figure {
        figure: 'd',
        title: "read models: rebuilt, held in memory, following",
        rows: Vec::new(),
        limited_by: Vec::new(),
    };
    all(room, size, path, &mut figure)?;
    simple(room, runtime, size, &mut figure)?;
    following(room, runtime, size, &mut figure)?;
    Ok(figure)
}

/// All models of a journal, and the memory that takes.
fn all(room: &Room, size: &Size, path: &Path, figure: &mut Figure) -> Result<(), Failure> {
    let journal: Arc<dyn Journal> = Arc::new(SqliteJournal::open_read_only(path)?);
    let head = journal.head()?;
    let memory = Memory::watch();
    let models =
        ReadModels::open(room.file("models.db"), Arc::clone(&journal), &mut |_| {}).map_err(failed)?;
    let (mut all, mut load) = (Vec::new(), Load::default());
    for _ in 0..if head >= LONG { 1 } else { size.runs } {
        let watch = Watch::start();
        let began = Instant::now();
        models.rebuild(&[], &mut |_| {}).map_err(failed)?;
        all.push(per_second(head as usize, began.elapsed()));
        load = load.and(&watch.stop());
    }
    let peak = memory.peak();
    let mut whole = Row::rate(format!("rebuild of all read models, {head} events"), "events/s", median(all));
    whole.at_least = Some(100_000.0);
    whole.fsync = Some("once, at the end");
    figure.rows.push(whole);
    let mut row =
        Row::rate("anonymous memory at its peak meanwhile", "MiB", peak as f64 / f64::from(1 << 20));
    row.below = Some(1_024.0);
    figure.rows.push(row);
    figure.limited_by.push(format!("rebuild of all: {}", load.limit()));
    Ok(())
}

/// One model of a journal of ten events to a row, stored and held in memory.
fn simple(room: &Room, runtime: &Runtime, size: &Size, figure: &mut Figure) -> Result<(), Failure> {
    let ground = Ground::open(&room.file("simple.db"))?;
    deposits::prepare(runtime, &ground.commands, 0..size.deposits)?;
    let payments = deposits::payments(3, size.deposits as usize * 9, 0..size.deposits);
    deposits::fill(runtime, &ground.commands, &payments)?;
    drop(payments);
    let journal = Arc::clone(&ground.journal);
    let head = journal.head()?;
    let models = ReadModels::open(room.file("simple.views.db"), journal, &mut |_| {}).map_err(failed)?;
    let (mut stored, mut held, mut load_one) = (Vec::new(), Vec::new(), Load::default());
    for _ in 0..size.runs {
        let began = Instant::now();
        let snapshot = models.as_of(AsOf::HEAD, &[SIMPLE], &mut |_| {}).map_err(failed)?;
        held.push(per_second(head as usize, began.elapsed()));
        drop(snapshot);
        let watch = Watch::start();
        let began = Instant::now();
        models.rebuild(&[SIMPLE], &mut |_| {}).map_err(failed)?;
        stored.push(per_second(head as usize, began.elapsed()));
        load_one = load_one.and(&watch.stop());
    }
    figure.rows.push(
        Row::rate(
            format!("rebuild of {SIMPLE} beside the live table, ten events to a row"),
            "events/s",
            median(stored),
        )
        .against("the same replay held in memory", median(held))
        .at_least(0.8),
    );
    figure.limited_by.push(format!("rebuild of {SIMPLE}: {}", load_one.limit()));
    Ok(())
}

/// Appends while all models follow, and without.
fn following(room: &Room, runtime: &Runtime, size: &Size, figure: &mut Figure) -> Result<(), Failure> {
    let (mut alone, mut followed, mut load, mut behind) = (Vec::new(), Vec::new(), Load::default(), 0);
    for _ in 0..size.runs {
        for follows in [false, true] {
            let ground = Ground::open(&room.file("followed.db"))?;
            let views = room.file("followed.views.db");
            let journal = Arc::clone(&ground.journal);
            let models = ReadModels::open(views, journal, &mut |_| {}).map_err(failed)?;
            let follower =
                if follows { Some(Follower::start(models.clone()).map_err(failed)?) } else { None };
            let watch = Watch::start();
            let began = Instant::now();
            let mut recorder = Recorder::new(&ground.commands, BATCH, true);
            runtime.block_on(recorder.record(size.histories_followed)).map_err(failed)?;
            let rate = per_second(recorder.events, began.elapsed());
            if follows {
                followed.push(rate);
                load = load.and(&watch.stop());
                behind = behind.max(ground.journal.head()?.saturating_sub(models.applied()));
            } else {
                alone.push(rate);
            }
            drop(follower);
        }
    }
    figure.rows.push(
        Row::rate("appends while all read models follow", "events/s", median(followed))
            .under(BATCH as f64, 1, "before answers")
            .against("the same without them", median(alone))
            .at_least(0.6),
    );
    figure.limited_by.push(format!(
        "appends while models follow: {}; the models were at most {behind} events behind in the end",
        load.limit()
    ));
    Ok(())
}
