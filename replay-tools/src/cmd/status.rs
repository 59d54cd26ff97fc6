//! `daybook status`

use daybook_domain::Timestamp;
use serde::Serialize;

use crate::cli::{Global, Url};
use crate::failure::Failure;
use crate::output::{Format, Output, say};
use crate::value::{Object, Table, Value};

/// Show where the journal stands and how far the read models follow it
#[derive(Debug, clap::Args)]
pub struct Args {}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    journal: Object<'a>,
    models: Vec<Object<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: &'a Option<String>,
}

pub fn run(global: &Global, _: &Args) -> Result<(), Failure> {
    let models = global.read_models()?;
    let status = models.status()?;
    let head = status.freshness.head;
    // a database does not say how much of it is the journal
    let bytes = match &global.journal {
        Url::Sqlite(path) => Some(std::fs::metadata(path).map_or(0, |m| m.len())),
        Url::Postgres(_) | Url::Kurrent(_) => None,
    };
    let mut journal =
        Table::new(&["journal", "head", "bytes", "read_models", "applied", "lag", "last_recorded_at"]);
    let recorded = (status.applied_recorded_at > 0).then_some(Timestamp(status.applied_recorded_at));
    journal.push(vec![
        global.journal.to_string().into(),
        head.into(),
        bytes.map_or(Value::None, Into::into),
        status.path.display().to_string().into(),
        status.freshness.applied.into(),
        status.freshness.lag_positions().into(),
        recorded.into(),
    ]);
    let mut table = Table::new(&["model", "version", "generation", "applied", "lag"]);
    for model in &status.models {
        table.push(vec![
            model.model.as_str().into(),
            model.version.into(),
            model.generation.into(),
            model.applied.into(),
            model.lag_positions.into(),
        ]);
    }
    let mut out = Output::new(global.format);
    match out.format {
        Format::Json => {
            let rows = table.rows.iter().map(|row| table.object(row)).collect();
            out.json_line(&Answer {
                journal: journal.object(&journal.rows[0]),
                models: rows,
                stopped: &status.stopped,
            })?;
        }
        Format::Csv => out.table(&table)?,
        Format::Table => {
            out.record(&journal)?;
            out.heading("")?;
            out.table(&table)?;
        }
    }
    if let Some(why) = &status.stopped {
        say!("the read models have stopped: {why}");
    }
    out.finish()
}
