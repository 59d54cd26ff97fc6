//! Where output goes: data to standard output in the format asked for, messages to standard error.

use std::io::{self, BufWriter, Write};

use clap::ValueEnum;
use comfy_table::{CellAlignment, ContentArrangement, presets};
use serde::Serialize;

use crate::failure::Failure;
use crate::value::Table;

/// How data is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For programs; amounts are decimal text with their currency, times RFC 3339.
    Json,
    /// For spreadsheets; amounts are plain decimals.
    Csv,
}

/// A message on standard error. When that is closed there is nobody left to tell.
pub fn write_message(message: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// A message on standard error.
macro_rules! say {
    ($($text:tt)*) => { $crate::output::write_message(format_args!($($text)*)) };
}
pub(crate) use say;

/// Standard output, buffered. Call [`finish`](Self::finish) at the end.
pub struct Output {
    out: BufWriter<io::StdoutLock<'static>>,
    /// The format asked for.
    pub format: Format,
    parts: usize,
}

impl Output {
    /// Standard output in `format`.
    pub fn new(format: Format) -> Self {
        Self { out: BufWriter::with_capacity(64 << 10, io::stdout().lock()), format, parts: 0 }
    }

    /// A line as it is, in any format.
    pub fn line(&mut self, line: &str) -> Result<(), Failure> {
        self.out.write_all(line.as_bytes())?;
        self.out.write_all(b"\n")?;
        Ok(())
    }

    /// A value as one line of JSON.
    pub fn json_line(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.out, value).map_err(io::Error::from)?;
        self.out.write_all(b"\n")?;
        Ok(())
    }

    /// Rows: a table for people; in JSON an array with an object in each line; CSV with a header.
    pub fn table(&mut self, table: &Table) -> Result<(), Failure> {
        match self.format {
            Format::Table => self.pretty(table),
            Format::Json => self.array(table),
            Format::Csv => self.csv(table),
        }
    }

    /// One thing: in a table its columns below each other; in JSON an object; CSV of one row.
    pub fn record(&mut self, table: &Table) -> Result<(), Failure> {
        let Some(row) = table.rows.first() else { return Ok(()) };
        match self.format {
            Format::Json => self.json_line(&table.object(row)),
            Format::Csv => self.csv(table),
            Format::Table => {
                let width = table.columns.iter().map(|c| c.len()).max().unwrap_or(0);
                for (column, value) in table.columns.iter().zip(row) {
                    let label = column.replace('_', " ");
                    let line = format!("{label:width$}  {}", value.pretty());
                    self.line(line.trim_end())?;
                }
                Ok(())
            }
        }
    }

    /// A heading before a part of a longer answer; in a table only.
    pub fn heading(&mut self, text: &str) -> Result<(), Failure> {
        if self.format != Format::Table {
            return Ok(());
        }
        if self.parts > 0 {
            self.line("")?;
        }
        self.parts += 1;
        self.line(text)
    }

    /// Writes what is still buffered.
    pub fn finish(mut self) -> Result<(), Failure> {
        self.out.flush()?;
        Ok(())
    }

    fn pretty(&mut self, table: &Table) -> Result<(), Failure> {
        let mut pretty = comfy_table::Table::new();
        pretty.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        pretty.set_header(table.columns.iter().map(|c| c.replace('_', " ")));
        for row in &table.rows {
            pretty.add_row(row.iter().map(crate::value::Value::pretty));
        }
        for at in 0..table.columns.len() {
            let numbers = table.rows.iter().any(|row| row[at].is_number());
            if let Some(column) = pretty.column_mut(at) {
                column.set_padding((0, 2));
                if numbers {
                    column.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        for line in pretty.lines() {
            self.line(line.trim_end())?;
        }
        Ok(())
    }

    fn array(&mut self, table: &Table) -> Result<(), Failure> {
        self.out.write_all(b"[")?;
        for (at, row) in table.rows.iter().enumerate() {
            self.out.write_all(if at == 0 { b"\n" } else { b",\n" })?;
            serde_json::to_writer(&mut self.out, &table.object(row)).map_err(io::Error::from)?;
        }
        self.out.write_all(b"\n]\n")?;
        Ok(())
    }

    fn csv(&mut self, table: &Table) -> Result<(), Failure> {
        let mut writer = csv::Writer::from_writer(&mut self.out);
        let io = |error: csv::Error| match error.into_kind() {
            csv::ErrorKind::Io(error) => error,
            other => io::Error::other(format!("{other:?}")),
        };
        writer.write_record(&table.columns).map_err(io)?;
        for row in &table.rows {
            writer.write_record(row.iter().map(crate::value::Value::plain)).map_err(io)?;
        }
        writer.flush()?;
        Ok(())
    }
}
