//! Rows of read models as tables to print.

use daybook_domain::Currency;
use daybook_projections::fields::{Field, fields};
use daybook_projections::record::Record;

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
