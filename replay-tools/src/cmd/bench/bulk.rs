//! (b): the path of imports, many commands decided into one append.

use std::time::Instant;

use daybook_journal::Journal;
use daybook_journal::baseline::raw_inserts;
use tokio::runtime::Runtime;

use super::Size;
use super::figure::{Figure, Row};
use super::histories::Recorder;
use super::load::{Load, Watch};
use super::room::{Ground, Room, failed, median, per_second, rows};
use crate::failure::Failure;

/// The journal that it leaves for the figures that read one.
pub const JOURNAL: &str = "bulk.db";
/// Events handed over at once, as by an import.
const BATCH: usize = 4_096;

/// Measures it.
pub fn measure(room: &Room, runtime: &Runtime, size: &Size) -> Result<Figure, Failure> {
    let (mut rates, mut raws, mut load, mut batch) = (Vec::new(), Vec::new(), Load::default(), 0.0);
    for _ in 0..size.runs {
        let ground = Ground::open(&room.file(JOURNAL))?;
        let watch = Watch::start();
        let began = Instant::now();
        let mut recorder = Recorder::new(&ground.commands, BATCH, false);
        runtime.block_on(recorder.record(size.histories)).map_err(failed)?;
        rates.push(per_second(recorder.events, began.elapsed()));
        load = load.and(&watch.stop());
        batch = recorder.events as f64 / recorder.batches.max(1) as f64;
        drop(recorder);
        let same = rows(&*ground.journal, 0, ground.journal.head()?)?;
        drop(ground);
        let took = raw_inserts(&room.file("raw.db"), &same, 1_000).map_err(failed)?;
        raws.push(per_second(same.len(), took));
    }
    let row = Row::rate("events of whole order histories, local streams", "events/s", median(rates))
        .under(batch.round(), 2, "before answers")
        .against("raw inserts of the same rows, batches of 1,000", median(raws))
        .at_least(0.6);
    Ok(Figure {
        figure: 'b',
        title: "bulk import through decide and append",
        rows: vec![row],
        limited_by: vec![load.limit()],
    })
}
