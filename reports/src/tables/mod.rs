//! Tables for databases and spreadsheets: CSV and Parquet from one visitor.
//!
//! An amount is a decimal of its currency (`12.30`), beside the column that names the currency. In Parquet it is
//! `DECIMAL(18, 4)`, since no currency has more than four decimals and a column has one scale: DuckDB, pandas and
//! BI tools add it up exactly. A time is a UTC timestamp: RFC 3339 in CSV, `TIMESTAMP` of microseconds in Parquet.

mod csv;
mod parquet;

use std::fmt::Write as _;
use std::io::Write;
use std::ops::ControlFlow;

use daybook_domain::Currency;
use daybook_projections::queries::{CellRef, RowVisit, WholeTable, whole_tables};
use daybook_projections::record::Unit;
use daybook_projections::{ReadModels, Snapshot};

use crate::ReportError;

/// How tables are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Comma-separated values with a header, UTF-8.
    Csv,
    /// Apache Parquet, compressed with zstd.
    Parquet,
}

/// A table that is exported.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name, and that of its file.
    pub name: &'static str,
    /// What a row is.
    pub row: &'static str,
    source: WholeTable,
}

/// The tables by name, what a row of each is, and the table of the read models behind it.
const TABLES: &[(&str, &str, &str)] = &[
    ("entries", "book_entries", "an entry of an account of the books"),
    ("accounts", "book_accounts", "an account of the books in one currency"),
    ("orders", "orders", "an order"),
    ("order_lines", "order_lines", "a line of an order"),
    ("checkouts", "checkouts", "a basket and its payment"),
    ("merchants", "merchants", "a merchant"),
    (
        "merchant_balances",
        "merchant_balances",
        "what a merchant is owed in one currency, and what that came from",
    ),
    ("merchant_lines", "merchant_lines", "a line of a merchant's account, to be settled"),
    ("settlements", "settlements", "a settlement"),
    ("payouts", "payouts", "a payout"),
    ("deposits", "deposits", "a merchant's deposit"),
    ("disputes", "disputes", "a dispute"),
    ("reviews", "reviews", "a review"),
    ("leads", "leads", "a lead in the recruitment of merchants"),
    ("events", "events", "an event, as it lies in the journal"),
];

/// Every table that can be exported.
#[must_use]
pub fn tables() -> Vec<Table> {
    let all = whole_tables();
    let find = |name: &str| all.iter().find(|table| table.name == name).cloned();
    TABLES.iter().filter_map(|(name, source, row)| Some(Table { name, row, source: find(source)? })).collect()
}

/// Writes every row of a table; returns how many there are.
///
/// # Errors
/// [`ReportError`].
pub fn write_table(
    models: &ReadModels,
    table: &Table,
    shape: Shape,
    out: &mut (dyn Write + Send),
) -> Result<u64, ReportError> {
    let columns = table.columns();
    let mut visited = |each: RowVisit<'_>| Ok(models.visit_table(&table.source, each)?);
    match shape {
        Shape::Csv => visit(table.name, &columns, &mut visited, csv::Sink::new(&columns, out)?),
        Shape::Parquet => visit(table.name, &columns, &mut visited, parquet::Sink::new(&columns, out)?),
    }
}

/// What the columns mean, as a document of Markdown.
#[must_use]
pub fn document(tables: &[Table]) -> String {
    let mut text = String::from(
        "# Columns\n\nAmounts are decimals of the currency that the row names, debits and what is for the merchant \
         positive; in Parquet DECIMAL(18, 4). Times are UTC: RFC 3339 in CSV, TIMESTAMP of microseconds in Parquet. \
         A cell may be empty where the column says so.\n",
    );
    for table in tables {
        let _ = write!(
            text,
            "\n## {}\nA row is {}.\n\n| column | type | meaning |\n|---|---|---|\n",
            table.name, table.row
        );
        for column in table.columns() {
            let optional = if column.optional { ", or empty" } else { "" };
            let word = match column.unit {
                Unit::Text => "text",
                Unit::Flag => "yes or no",
                Unit::Count => "number",
                Unit::Money => "amount",
                Unit::Time => "time",
            };
            let doc = column.doc.trim().replace('|', "\\|").replace(" Microseconds.", "");
            let _ = writeln!(text, "| `{}` | {word}{optional} | {doc} |", column.name);
        }
    }
    text
}

/// A column of a file.
#[derive(Clone, Copy, Debug)]
struct Column {
    name: &'static str,
    unit: Unit,
    optional: bool,
    doc: &'static str,
    /// Where the currency of its amounts stands.
    currency: Option<usize>,
}

impl Table {
    fn columns(&self) -> Vec<Column> {
        columns(&self.source)
    }
}

fn columns(of: &WholeTable) -> Vec<Column> {
    let own = of.columns.iter().enumerate();
    own.map(|(at, c)| Column {
        name: c.name,
        unit: c.unit,
        optional: c.optional,
        doc: c.doc,
        currency: of.currency_of(at),
    })
    .collect()
}

/// What a cell says, whatever the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Nothing.
    None,
    /// A text.
    Text(&'a str),
    /// Yes or no.
    Flag(bool),
    /// A number of things.
    Count(i64),
    /// Minor units, and how many digits they have: at most four.
    Money(i64, u32),
    /// Microseconds.
    Time(i64),
}

/// A column of a table that its caller reckoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// Whether a cell may be empty.
    pub optional: bool,
}

/// Writes rows that their caller reckoned; returns how many there are.
///
/// # Errors
/// [`ReportError`], also for a cell that its column does not take.
pub fn write_rows<'v>(
    fields: &[Field],
    rows: impl IntoIterator<Item = Vec<Value<'v>>>,
    shape: Shape,
    out: &mut (dyn Write + Send),
) -> Result<u64, ReportError> {
    fn all<'v>(
        mut to: impl Rows,
        rows: impl IntoIterator<Item = Vec<Value<'v>>>,
    ) -> Result<u64, ReportError> {
        let mut count = 0;
        for row in rows {
            to.row(&row)?;
            count += 1;
        }
        to.finish()?;
        Ok(count)
    }
    let column = |field: &Field| {
        let Field { name, unit, optional } = *field;
        Column { name, unit, optional, doc: "", currency: None }
    };
    let columns: Vec<Column> = fields.iter().map(column).collect();
    match shape {
        Shape::Csv => all(csv::Sink::new(&columns, out)?, rows),
        Shape::Parquet => all(parquet::Sink::new(&columns, out)?, rows),
    }
}

/// Writes a table of a snapshot; returns how many rows it has.
///
/// # Errors
/// [`ReportError`].
pub fn write_snapshot(
    snapshot: &Snapshot,
    table: &WholeTable,
    shape: Shape,
    out: &mut (dyn Write + Send),
) -> Result<u64, ReportError> {
    let columns = columns(table);
    let mut visited = |each: RowVisit<'_>| {
        snapshot.visit_table(table, each);
        Ok(())
    };
    match shape {
        Shape::Csv => visit(table.name, &columns, &mut visited, csv::Sink::new(&columns, out)?),
        Shape::Parquet => visit(table.name, &columns, &mut visited, parquet::Sink::new(&columns, out)?),
    }
}

impl<'a> Value<'a> {
    /// The cell at `at`; `None` where it is an amount and its row names no currency.
    fn of(columns: &[Column], cells: &[CellRef<'a>], at: usize) -> Option<Self> {
        Some(match (cells[at], columns[at].unit) {
            (CellRef::None, _) => Self::None,
            (CellRef::Text(text), _) => Self::Text(text),
            (CellRef::Integer(n), Unit::Flag) => Self::Flag(n != 0),
            (CellRef::Integer(n), Unit::Time) => Self::Time(n),
            (CellRef::Integer(n), Unit::Money) => {
                let code = columns[at].currency.map(|at| cells[at]);
                match code {
                    Some(CellRef::Text(code)) if !code.is_empty() => {
                        Self::Money(n, Currency::new(code).ok()?.digits())
                    }
                    // a merchant without a contract is owed nothing in no currency
                    _ if n == 0 => Self::Money(0, 0),
                    _ => return None,
                }
            }
            (CellRef::Integer(n), Unit::Count | Unit::Text) => Self::Count(n),
        })
    }
}

/// A file that takes rows.
trait Rows {
    fn row(&mut self, values: &[Value<'_>]) -> Result<(), ReportError>;
    fn finish(self) -> Result<(), ReportError>;
}

/// Hands each row of a table to what it is given.
type Visited<'v> = &'v mut dyn FnMut(RowVisit<'_>) -> Result<(), ReportError>;

fn visit<R: Rows>(
    table: &'static str,
    columns: &[Column],
    visited: Visited<'_>,
    mut rows: R,
) -> Result<u64, ReportError> {
    let (mut count, mut failed) = (0u64, None);
    visited(&mut |cells| {
        let mut values = Vec::with_capacity(cells.len());
        for at in 0..cells.len() {
            let Some(value) = Value::of(columns, cells, at) else {
                let column = columns[at].name;
                failed = Some(ReportError::NoCurrency { table, column, row: count + 1 });
                return ControlFlow::Break(());
            };
            values.push(value);
        }
        count += 1;
        match rows.row(&values) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    rows.finish()?;
    Ok(count)
}
