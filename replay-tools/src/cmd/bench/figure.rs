//! What a figure is, and how it is printed.

use serde::Serialize;

use crate::failure::Failure;
use crate::output::{Format, Output};
use crate::value::{Table, Value};

/// A measured number with what it was measured under, and what it is compared with.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// Things to a call or a commit.
    pub batch: Option<f64>,
    /// Calls under way at once.
    pub in_flight: Option<u64>,
    /// When the data was made durable.
    pub fsync: Option<&'static str>,
    /// Cores of the machine.
    pub cores: u64,
    /// The number.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// What it is compared with, measured in the same run.
    pub against: Option<&'static str>,
    /// The number of that.
    pub limit: Option<f64>,
    /// This over that.
    pub ratio: Option<f64>,
    /// What the ratio, or the value where there is none, should reach.
    pub at_least: Option<f64>,
    /// What it must stay below.
    pub below: Option<f64>,
    /// Half of the calls took at most this, in microseconds.
    pub p50_us: Option<u64>,
    /// 99 of 100 calls took at most this, in microseconds.
    pub p99_us: Option<u64>,
}

impl Row {
    /// A rate.
    pub fn rate(what: impl Into<String>, unit: &'static str, value: f64) -> Self {
        let cores = super::load::cores() as u64;
        Self { what: what.into(), cores, value, unit, ..Self::default() }
    }

    /// Compared with another rate of the same run.
    pub fn against(mut self, what: &'static str, limit: f64) -> Self {
        (self.against, self.limit, self.ratio) = (Some(what), Some(limit), Some(self.value / limit));
        self
    }

    /// What it should reach.
    pub const fn at_least(mut self, least: f64) -> Self {
        self.at_least = Some(least);
        self
    }

    /// Under what it was measured.
    pub const fn under(mut self, batch: f64, in_flight: u64, fsync: &'static str) -> Self {
        (self.batch, self.in_flight, self.fsync) = (Some(batch), Some(in_flight), Some(fsync));
        self
    }
}

/// Rows that belong together.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// One letter.
    pub figure: char,
    /// What it shows.
    pub title: &'static str,
    /// The numbers.
    pub rows: Vec<Row>,
    /// What limits them, as measured.
    pub limited_by: Vec<String>,
}

/// The machine and the run.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// Cores there are.
    pub cores: u64,
    /// Runs of which medians are given.
    pub runs: u64,
    /// The disk's folder.
    pub dir: String,
    /// Cores that other programs used while this ran.
    pub used_by_others: f64,
    /// The figures.
    pub figures: Vec<Figure>,
}

const COLUMNS: [&str; 15] = [
    "figure",
    "what",
    "batch",
    "in_flight",
    "fsync",
    "cores",
    "value",
    "unit",
    "against",
    "limit",
    "ratio",
    "at_least",
    "below",
    "p50_us",
    "p99_us",
];

fn cells(figure: char, row: &Row) -> Vec<Value> {
    let whole = |v: f64| Value::Int(v.round() as i64);
    let fine = |v: f64| if v < 100.0 { Value::Real(v) } else { whole(v) };
    vec![
        figure.to_string().into(),
        row.what.as_str().into(),
        row.batch.map_or(Value::None, |v| if v.fract() == 0.0 { whole(v) } else { fine(v) }),
        row.in_flight.into(),
        row.fsync.into(),
        row.cores.into(),
        fine(row.value),
        row.unit.into(),
        row.against.into(),
        row.limit.map_or(Value::None, fine),
        row.ratio.map_or(Value::None, Value::Real),
        row.at_least.map_or(Value::None, fine),
        row.below.map_or(Value::None, fine),
        row.p50_us.into(),
        row.p99_us.into(),
    ]
}

/// Prints the answer: a table for each figure; in JSON one object; in CSV all rows under one header.
pub fn print(out: &mut Output, answer: &Answer) -> Result<(), Failure> {
    match out.format {
        Format::Json => return out.json_line(answer),
        Format::Csv => {
            let mut table = Table::new(&COLUMNS);
            for figure in &answer.figures {
                figure.rows.iter().for_each(|row| table.push(cells(figure.figure, row)));
            }
            return out.table(&table);
        }
        Format::Table => {}
    }
    out.line(&format!(
        "{} cores, of which other programs used {:.1} on average; files in {}; medians of {}",
        answer.cores, answer.used_by_others, answer.dir, answer.runs
    ))?;
    out.line("")?;
    for figure in &answer.figures {
        out.heading(&format!("({}) {}", figure.figure, figure.title))?;
        let mut table = Table::new(&COLUMNS);
        figure.rows.iter().for_each(|row| table.push(cells(figure.figure, row)));
        let table = table.select(&COLUMNS[1..]).without_empty();
        out.table(&table)?;
        for line in &figure.limited_by {
            out.line(&format!("  limited by {line}"))?;
        }
    }
    Ok(())
}
