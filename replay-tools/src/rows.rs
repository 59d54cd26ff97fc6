//! Rows of read models as tables to print.

use daybook_domain::Currency;
use daybook_projections::fields::{Field, fields};
use daybook_projections::queries::Page;
use daybook_projections::record::Record;

use crate::cli::Global;
use crate::failure::Failure;
use crate::output::{Format, Output, say};
use crate::value::{Table, Value};

impl From<Field> for Value {
    fn from(field: Field) -> Self {
        match field {
            Field::None => Self::None,
            Field::Text(text) => Self::Text(text),
            Field::Flag(yes) => Self::Bool(yes),
            Field::Count(n) => Self::Int(n),
            Field::Money(money) => Self::Money(money),
            Field::Time(time) => Self::Time(time),
        }
    }
}

/// Every column of these rows; amounts without a currency of their own are in `currency`.
pub fn table<R: Record>(rows: &[R], currency: Option<Currency>) -> Table {
    let mut table = Table::new(&R::COLUMNS.iter().map(|column| column.name).collect::<Vec<_>>());
    for row in rows {
        table.push(fields(row, currency).0.into_iter().map(|(_, field)| field.into()).collect());
    }
    table
}

/// Prints a page of a list, and how to go on: people see these columns where they say anything, programs all.
pub fn page<R: Record>(
    global: &Global,
    page: &Page<R>,
    columns: &[&'static str],
    what: &str,
) -> Result<(), Failure> {
    let table = table(&page.rows, None);
    let mut out = Output::new(global.format);
    match out.format {
        Format::Table => out.table(&table.select(columns).without_nothing())?,
        Format::Json | Format::Csv => out.table(&table)?,
    }
    out.finish()?;
    if let Some(next) = &page.next {
        let plain = next.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:".contains(c));
        let quote = if plain { "" } else { "'" };
        say!("{} {what}; go on with --after {quote}{next}{quote}", page.rows.len());
    }
    Ok(())
}
