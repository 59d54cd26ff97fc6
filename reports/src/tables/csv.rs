//! Tables as comma-separated values.

use std::io::{self, Write};

use daybook_domain::Timestamp;

use super::{Column, Rows, Value};
use crate::ReportError;
use crate::amount::Decimals;

/// A file under way.
pub(super) struct Sink<'w> {
    out: csv::Writer<&'w mut (dyn Write + Send)>,
    cell: String,
}

impl<'w> Sink<'w> {
    pub(super) fn new(columns: &[Column], out: &'w mut (dyn Write + Send)) -> Result<Self, ReportError> {
        let mut out = csv::Writer::from_writer(out);
        out.write_record(columns.iter().map(|c| c.name)).map_err(io_error)?;
        Ok(Self { out, cell: String::new() })
    }
}

impl Rows for Sink<'_> {
    fn row(&mut self, values: &[Value<'_>]) -> Result<(), ReportError> {
        use std::fmt::Write as _;
        for value in values {
            self.cell.clear();
            let _ = match *value {
                Value::None => Ok(()),
                Value::Text(text) => self.cell.write_str(text),
                Value::Flag(yes) => write!(self.cell, "{yes}"),
                Value::Count(n) => write!(self.cell, "{n}"),
                Value::Money(minor, digits) => write!(self.cell, "{}", Decimals { minor, digits }),
                Value::Time(at) => write!(self.cell, "{}", Timestamp(at)),
            };
            self.out.write_field(&self.cell).map_err(io_error)?;
        }
        self.out.write_record(None::<&[u8]>).map_err(io_error)
    }

    fn finish(mut self) -> Result<(), ReportError> {
        Ok(self.out.flush()?)
    }
}

fn io_error(error: csv::Error) -> ReportError {
    ReportError::Write(match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    })
}
