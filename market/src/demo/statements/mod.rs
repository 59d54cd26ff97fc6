//! What providers and banks would send of the simulated market: a statement file each, with breaks planted in them.
//!
//! From the journal's events alone and without chance: the same market gives the same files. What was planted, and nothing
//! else, is what reconciliation has to find; `manifest.json` says it.

mod plant;
mod writers;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use daybook_domain::provider::events::BreakKind;
use daybook_domain::time::DAY;
use daybook_domain::{Event, Money, Refs, Timestamp};
use daybook_journal::{Filter, Journal};
use daybook_reconciliation::books::{Entry, KINDS, Stored, entries};
use daybook_reconciliation::{Format, LineKind, Side};
use serde::Serialize;

use super::run::{DemoError, START};

/// A line as its writer would have it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// The writer's reference.
    reference: String,
    kind: LineKind,
    gross: Money,
    fee: Money,
    at: Timestamp,
    /// What a bank says of it.
    text: String,
}

impl Row {
    fn of(entry: &Entry, n: usize) -> Self {
        let own = || format!("{}-{n:06}", entry.place);
        Self {
            reference: entry.references.first().cloned().unwrap_or_else(own),
            kind: entry.kind,
            gross: entry.gross,
            fee: entry.fee,
            at: entry.at,
            text: String::new(),
        }
    }

    fn net(&self) -> Money {
        Money::new(self.gross.minor - self.fee.minor, self.gross.currency)
    }
}

/// A break that was planted, as reconciliation has to find it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Planted {
    /// The provider or bank account.
    pub provider: String,
    /// What sort of disagreement.
    pub kind: BreakKind,
    /// The reference it is found under; empty for the totals of a file.
    pub reference: String,
    /// What is at stake.
    pub amount: Money,
}

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Written {
    /// Its name in the folder.
    pub file: String,
    /// The provider or bank account.
    pub provider: String,
    /// What it is.
    pub format: Format,
    /// Its lines.
    pub lines: usize,
}

/// What was written and planted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Manifest {
    /// The files.
    pub files: Vec<Written>,
    /// The breaks in them.
    pub planted: Vec<Planted>,
}

/// Rows of one file under construction.
pub(super) struct Sheet {
    provider: String,
    format: Format,
    rows: Vec<Row>,
    /// Added to what the trailer says of the sum that went out.
    trailer_off: i64,
}

/// Which file a provider or bank sends. Banks send camt.053 and MT940 in turn.
fn format(side: Side, place: &str, banks: &[&str]) -> Format {
    match (side, place) {
        (Side::Provider, "wechatpay") => Format::WechatBill,
        (Side::Provider, "alipay") => Format::AlipayLedger,
        (Side::Provider, _) => Format::StripeItemised,
        (Side::Bank, _) if banks.iter().position(|b| *b == place).is_some_and(|n| n % 2 == 0) => {
            Format::Mt940
        }
        (Side::Bank, _) => Format::Camt053,
    }
}

/// Writes the files of a finished market into `folder`, which is made, and `manifest.json` beside them.
///
/// # Errors
/// [`DemoError`] when the journal cannot be read or a file cannot be written.
pub fn write(journal: &dyn Journal, folder: &Path) -> Result<Manifest, DemoError> {
    let (files, manifest) = files(journal)?;
    std::fs::create_dir_all(folder).map_err(|e| failed(folder, &e))?;
    for (name, bytes) in files {
        let path = folder.join(name);
        std::fs::write(&path, bytes).map_err(|e| failed(&path, &e))?;
    }
    let path = folder.join("manifest.json");
    let json = serde_json::to_vec_pretty(&manifest).expect("invariant: a manifest is plain data");
    std::fs::write(&path, json).map_err(|e| failed(&path, &e))?;
    Ok(manifest)
}

fn failed(path: &Path, error: &std::io::Error) -> DemoError {
    DemoError::File(format!("{}: {error}", path.display()))
}

/// Files by name.
pub type Files = Vec<(String, Vec<u8>)>;

/// The files, and what was planted in them.
///
/// # Errors
/// [`DemoError`] when the journal cannot be read.
pub fn files(journal: &dyn Journal) -> Result<(Files, Manifest), DemoError> {
    let (places, until) = places(journal)?;
    let banks: Vec<&str> =
        places.keys().filter(|(side, _)| *side == Side::Bank).map(|(_, place)| place.as_str()).collect();
    let mut sheets: Vec<Sheet> = Vec::new();
    for ((side, place), entries) in &places {
        let format = format(*side, place, &banks);
        let shown = entries.iter().filter(|e| format.shows(e.kind, e.gross));
        let rows = shown.enumerate().map(|(n, e)| Row::of(e, n + 1)).collect();
        sheets.push(Sheet { provider: place.clone(), format, rows, trailer_off: 0 });
    }
    let mut manifest = Manifest::default();
    plant::plant(&mut sheets, until, &mut manifest.planted);
    let mut files = Files::new();
    for mut sheet in sheets {
        sheet.rows.sort_by(|a, b| (a.at, &a.reference).cmp(&(b.at, &b.reference)));
        let (ending, bytes) = writers::write(&sheet, START, until);
        let file = format!("{}.{ending}", sheet.provider);
        let (provider, lines) = (sheet.provider, sheet.rows.len());
        manifest.files.push(Written { file: file.clone(), provider, format: sheet.format, lines });
        files.push((file, bytes));
    }
    manifest.planted.sort();
    Ok((files, manifest))
}

/// Entries of the books by who would report them.
type Places = BTreeMap<(Side, String), Vec<Entry>>;

/// What the books say at each place, and the end of the last day.
fn places(journal: &dyn Journal) -> Result<(Places, Timestamp), DemoError> {
    let mut places = Places::new();
    let mut last = START;
    let mut failed = None;
    let kinds = KINDS.iter().map(|k| (*k).into()).collect();
    journal.scan(0, None, &Filter { kinds: Some(kinds), categories: None }, &mut |e| {
        let event = match Event::decode(e.kind, e.schema, e.data) {
            Ok(event) => event,
            Err(error) => {
                failed = Some(error);
                return ControlFlow::Break(());
            }
        };
        let (id, refs) = (e.id.to_string(), Refs::parse(e.refs).unwrap_or_default());
        let occurred_at = Timestamp(e.occurred_at);
        last = last.max(occurred_at);
        let mut out = Vec::new();
        entries(&Stored { id: &id, stream: e.stream, refs: &refs, occurred_at, event: &event }, &mut out);
        for entry in out {
            places.entry((entry.side, entry.place.clone())).or_default().push(entry);
        }
        ControlFlow::Continue(())
    })?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    // whole days of the market's own zone, which is the zone of its providers
    let days = (last.0 - START.0) / DAY + 1;
    Ok((places, START.plus(days * DAY)))
}
