//! Import of what other platforms say of their own visitors and sales: a CSV, one row a channel and day.
//!
//! All rows are checked before the first is recorded. A day that was reported before with other figures is corrected.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use chrono::NaiveDate;
use daybook_commands::{CommandError, Request};
use daybook_domain::channel::Channel;
use daybook_domain::channel::MOST_REPORTED;
use daybook_domain::channel::commands::ChannelCommand;
use daybook_domain::{Code, Currency, Money, PartyId};
use serde::Serialize;
use uuid::Uuid;

use crate::lines::{Place, TextFile};
use crate::olist::InputError;
use crate::{Market, MarketError};

/// Rows shown of a finding.
const SAMPLES: usize = 5;
/// Most rows of one file: they are held in memory until all are checked.
const MOST_ROWS: usize = 1_000_000;
/// Command ids are derived in this namespace. Never changed: it is what makes an import repeatable.
const NAMESPACE: Uuid = Uuid::from_u128(0x0f6b_61d8_2d0e_5f3b_a2f2_8b4e_97c0_11d5);

/// The fields of a row.
pub const FIELDS: [&str; 11] =
    ["channel", "day", "uv", "pv", "free_uv", "paid_uv", "buyers", "orders", "gmv", "currency", "source"];

/// Why an import of reports stopped.
#[derive(Debug, thiserror::Error)]
pub enum ChannelReportError {
    /// The file is not sound. Nothing was recorded.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The market cannot be used, or refused a command.
    #[error(transparent)]
    Market(#[from] MarketError),
}

impl From<CommandError> for ChannelReportError {
    fn from(error: CommandError) -> Self {
        Self::Market(error.into())
    }
}

/// What an import of reports did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChannelReport {
    /// Rows of the file.
    pub rows: u64,
    /// Days recorded now, corrected ones among them.
    pub recorded: u64,
    /// Days that were said so already.
    pub repeated: u64,
    /// Rows with fewer pages than visitors: recorded as they stand.
    pub fewer_pages_than_visitors: u64,
    /// The first of these.
    pub samples: Vec<String>,
}

/// A row that was found sound.
struct Row {
    line: u64,
    channel: Code,
    day: NaiveDate,
    command: ChannelCommand,
}

/// Records the reports of the file at `path`.
///
/// # Errors
/// [`ChannelReportError`]; of one in the file nothing was recorded.
pub async fn import(market: &Market, path: &Path) -> Result<ChannelReport, ChannelReportError> {
    let (file, _) = TextFile::new(path);
    let mut report = ChannelReport::default();
    let rows = read(&file, &mut report)?;
    market.begin().await?;
    let calendar = market.calendar()?;
    // where each channel stands: what is said again after something else was said is another correction
    let mut versions = BTreeMap::new();
    for row in &rows {
        if let Entry::Vacant(version) = versions.entry(row.channel) {
            version.insert(market.commands().state::<Channel>(row.channel)?.1);
        }
    }
    let mut batch = market.commands().batch();
    for row in &rows {
        let name = format!("{}/{}/{}", row.channel, versions[&row.channel], row.line);
        let id = Uuid::new_v5(&NAMESPACE, name.as_bytes());
        let request = Request::<Channel>::new(row.channel, row.command.clone(), id, actor())
            .at(calendar.start_of(row.day))
            .imported();
        let added = batch.add(&request).map_err(|error| match error {
            CommandError::Rejected(rejection) => {
                ChannelReportError::from(file.wrong(row.line, "", rejection.to_string()))
            }
            other => other.into(),
        })?;
        if added.events.is_empty() { report.repeated += 1 } else { report.recorded += 1 }
    }
    batch.commit().await?;
    Ok(report)
}

fn read(file: &TextFile, report: &mut ChannelReport) -> Result<Vec<Row>, ChannelReportError> {
    let place = |name: &str| {
        let found = FIELDS.iter().position(|field| *field == name);
        let unknown = || format!("no such column; a row has {}", FIELDS.join(", "));
        found.map(|place| Place::At(place, FIELDS[place])).ok_or_else(unknown)
    };
    let mut rows = Vec::new();
    // where each day of a channel stands, by who says it
    let mut said: BTreeMap<(Code, NaiveDate, Code), u64> = BTreeMap::new();
    file.csv::<ChannelReportError>(&place, &["channel", "day", "uv", "pv"], &mut |line, cells| {
        let mut row: [String; FIELDS.len()] = Default::default();
        cells.for_each(|(place, cell)| row[place] = cell.trim().to_owned());
        let [channel, day, uv, pv, free_uv, paid_uv, buyers, orders, gmv, currency, source] = &row;
        let wrong = |field: &str, why: String| file.wrong(line, field, why);
        if rows.len() == MOST_ROWS {
            return Err(wrong("", format!("more than {MOST_ROWS} rows: take the file in parts")).into());
        }
        let number = |field: &str, text: &str| {
            let read = text.parse::<u64>().ok().filter(|count| *count <= MOST_REPORTED);
            let why = || format!("{text:?} is not a whole number such as 3, up to {MOST_REPORTED}");
            read.ok_or_else(|| wrong(field, why()))
        };
        let some = |field: &str, text: &str| {
            if text.is_empty() { Ok(None) } else { number(field, text).map(Some) }
        };
        let money = || -> Result<Option<Money>, InputError> {
            if gmv.is_empty() {
                return Ok(None);
            }
            let currency = Currency::new(currency).map_err(|e| wrong("currency", e.to_string()))?;
            Money::parse(gmv, currency).map(Some).map_err(|e| wrong("gmv", e.to_string()))
        };
        let date = NaiveDate::parse_from_str(day, "%Y-%m-%d")
            .map_err(|_| wrong("day", format!("{day:?} is no day: write it as 2026-11-22")))?;
        let source = if source.is_empty() { "platform" } else { source };
        let (uv, pv) = (number("uv", uv)?, number("pv", pv)?);
        if pv < uv {
            report.fewer_pages_than_visitors += 1;
            if report.samples.len() < SAMPLES {
                report.samples.push(format!("line {line}: {pv} pages, {uv} visitors"));
            }
        }
        let channel = channel.parse().map_err(|e| wrong("channel", format!("{e}")))?;
        let source = source.parse().map_err(|e| wrong("source", format!("{e}")))?;
        if let Some(first) = said.insert((channel, date, source), line) {
            let why = format!("line {first} reports this day of {channel} by {source}: leave one of the two");
            return Err(wrong("day", why).into());
        }
        let command = ChannelCommand::Report {
            day: day.parse().map_err(|e| wrong("day", format!("{e}")))?,
            uv,
            pv,
            source,
            free_uv: some("free_uv", free_uv)?,
            paid_uv: some("paid_uv", paid_uv)?,
            buyers: some("buyers", buyers)?,
            orders: some("orders", orders)?,
            gmv: money()?,
        };
        rows.push(Row { line, channel, day: date, command });
        Ok(())
    })?;
    report.rows = rows.len() as u64;
    Ok(rows)
}

fn actor() -> PartyId {
    PartyId::new("import:channel-report").expect("invariant: visible ASCII")
}
