//! (h): what would have been under other rules, over the whole journal.

use std::path::Path;
use std::time::Instant;

use daybook_journal::SqliteJournal;
use daybook_journal::baseline::raw_scan;
use daybook_market::what_if::{Commission, Rules, Scope, what_if};
use daybook_projections::AsOf;

use super::Size;
use super::figure::{Figure, Row};
use super::load::{Load, Watch};
use super::room::{failed, median, per_second};
use crate::failure::Failure;

/// Ten million events within a minute.
const PROMPT: f64 = 10_000_000.0 / 60.0;

/// Measures the journal at `path`: every order under another commission.
pub fn measure(path: &Path, size: &Size) -> Result<Figure, Failure> {
    let journal = SqliteJournal::open_read_only(path)?;
    let (mut rates, mut raws, mut load) = (Vec::new(), Vec::new(), Load::default());
    let rate = "0.0123".parse().map_err(failed)?;
    let commission = vec![Commission { scope: Scope::default(), category: None, rate }];
    let rules = Rules { commission, ..Rules::default() };
    let mut said = String::new();
    for _ in 0..size.scans {
        let (events, _, took) = raw_scan(path).map_err(failed)?;
        raws.push(per_second(events as usize, took));
        let watch = Watch::start();
        let began = Instant::now();
        let found = what_if(&journal, &rules, AsOf::HEAD, &mut |_| {}).map_err(failed)?;
        rates.push(per_second(events as usize, began.elapsed()));
        load = load.and(&watch.stop());
        said = format!("{} orders under other terms, {} events restated", found.orders, found.restated);
    }
    let (rate, raw) = (median(rates), median(raws));
    let mut row = Row::rate("journal read under another commission", "events/s", rate).at_least(PROMPT);
    row.what = format!("{}, {said}", row.what);
    let share = Row::rate("the same", "events/s", rate)
        .against("raw scan that touches every column, one thread", raw);
    Ok(Figure {
        figure: 'h',
        title: "what if, over the whole journal",
        rows: vec![row, share],
        limited_by: vec![load.limit()],
    })
}
