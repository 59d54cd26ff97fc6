//! (f): balances as of a day, in a journal as large as the one that is read.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use daybook_journal::{Journal, SqliteJournal};
use daybook_projections::models::merchants::MerchantRow;
use daybook_projections::{AsOf, ReadModelError, ReadModels};

use super::Size;
use super::figure::{Figure, Row};
use super::room::{Room, failed, median};
use crate::failure::Failure;

/// What one merchant's balance as of a day may take, milliseconds.
const PROMPT_MS: f64 = 50.0;
/// Times each question is asked.
const ASKED: usize = 9;

/// Asks the read models of the journal at `path`.
pub fn measure(room: &Room, size: &Size, path: &Path) -> Result<Figure, Failure> {
    let journal: Arc<dyn Journal> = Arc::new(SqliteJournal::open_read_only(path)?);
    let head = journal.head()?;
    let models = ReadModels::open(room.file("balances.db"), journal, &mut |_| {}).map_err(failed)?;
    let mut merchants = all(&models).map_err(failed)?;
    merchants.sort_by_key(|merchant| merchant.orders);
    let mut figure = Figure {
        figure: 'f',
        title: "balances as of a day",
        rows: Vec::new(),
        limited_by: vec![format!(
            "asked {ASKED} times each, of {} merchants in {head} events",
            merchants.len()
        )],
    };
    let (Some(largest), Some(middle)) = (merchants.last(), merchants.get(merchants.len() / 2)) else {
        return Ok(figure);
    };
    let at = half_way(&models, largest).map_err(failed)?;
    for (which, merchant) in [("most orders", largest), ("a middling number of orders", middle)] {
        let id = merchant.merchant_id.as_str();
        let of = format!("the merchant with {which}, {}", merchant.orders);
        let entries = timed(|| models.merchant_money(id, at).map(drop)).map_err(failed)?;
        figure.rows.push(below(Row::rate(format!("balance of {of}, by its accounts"), "ms", entries)));
        let streams = timed(|| models.merchant_as_of(id, at).map(drop)).map_err(failed)?;
        figure.rows.push(Row::rate(format!("all about {of}, by its streams"), "ms", streams));
    }
    let books = timed(|| models.trial_balance(at).map(drop)).map_err(failed)?;
    figure.rows.push(Row::rate("trial balance, every entry added up", "ms", books));
    let mut jobs = Vec::new();
    for _ in 0..size.runs {
        let began = Instant::now();
        models.merchants_as_of(at, &mut |_| {}).map_err(failed)?;
        jobs.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    figure.rows.push(Row::rate("balances of all merchants, the journal read through", "ms", median(jobs)));
    Ok(figure)
}

fn below(mut row: Row) -> Row {
    row.below = Some(PROMPT_MS);
    row
}

/// Every merchant, page by page.
fn all(models: &ReadModels) -> Result<Vec<MerchantRow>, ReadModelError> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = models.merchants(None, after.as_deref(), 1_000)?;
        all.extend(page.rows);
        after = page.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

/// When half of a merchant's lines were booked, about.
fn half_way(models: &ReadModels, merchant: &MerchantRow) -> Result<AsOf, ReadModelError> {
    let id = merchant.merchant_id.as_str();
    let lines = models.merchant(id)?.and_then(|found| found.account).map_or(0, |account| account.lines);
    let line = models.merchant_lines(id, lines.unsigned_abs() / 2, 1)?;
    Ok(line.first().map_or(AsOf::HEAD, |line| AsOf::business(line.booked_at)))
}

/// The median time of a question, milliseconds.
fn timed(mut ask: impl FnMut() -> Result<(), ReadModelError>) -> Result<f64, ReadModelError> {
    let mut times = Vec::new();
    for _ in 0..ASKED {
        let began = Instant::now();
        ask()?;
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(median(times))
}
