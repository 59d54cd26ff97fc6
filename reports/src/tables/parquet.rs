//! Tables as Parquet: columns are kept for a group of rows at a time, then written.

use std::io::Write;
use std::sync::Arc;

use daybook_projections::record::Unit;
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::{Column, Rows, Value};
use crate::ReportError;

/// Rows that are kept until they are written together.
const GROUP_ROWS: usize = 65_536;
/// Decimals of every amount: those of the currency that has the most.
const SCALE: u32 = 4;
/// Digits of the largest amount that fits `DECIMAL(18, 4)`.
const LIMIT: i64 = 10i64.pow(18);

/// A file under way.
pub(super) struct Sink<'w> {
    out: SerializedFileWriter<&'w mut (dyn Write + Send)>,
    columns: Vec<(Column, Cells)>,
    rows: usize,
}

/// The cells of a column in the group of rows under way. A level is 1 where a cell is there, 0 where it is empty.
struct Cells {
    values: Values,
    levels: Vec<i16>,
}

enum Values {
    Numbers(Vec<i64>),
    Flags(Vec<bool>),
    Texts(Vec<ByteArray>),
}

impl<'w> Sink<'w> {
    pub(super) fn new(columns: &[Column], out: &'w mut (dyn Write + Send)) -> Result<Self, ReportError> {
        let fields: Vec<String> = columns.iter().map(field).collect();
        let schema =
            parse_message_type(&format!("message row {{ {} }}", fields.join(" "))).map_err(failed)?;
        let zstd = Compression::ZSTD(ZstdLevel::default());
        let properties = WriterProperties::builder().set_compression(zstd).build();
        let out = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties)).map_err(failed)?;
        let empty = |unit: Unit| match unit {
            Unit::Text => Values::Texts(Vec::new()),
            Unit::Flag => Values::Flags(Vec::new()),
            Unit::Count | Unit::Money | Unit::Time => Values::Numbers(Vec::new()),
        };
        let columns =
            columns.iter().map(|c| (*c, Cells { values: empty(c.unit), levels: Vec::new() })).collect();
        Ok(Self { out, columns, rows: 0 })
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let mut group = self.out.next_row_group()?;
        for (column, cells) in &mut self.columns {
            let Some(mut out) = group.next_column()? else { break };
            let levels = column.optional.then_some(cells.levels.as_slice());
            match &mut cells.values {
                Values::Numbers(values) => {
                    out.typed::<Int64Type>().write_batch(values, levels, None)?;
                    values.clear();
                }
                Values::Flags(values) => {
                    out.typed::<BoolType>().write_batch(values, levels, None)?;
                    values.clear();
                }
                Values::Texts(values) => {
                    out.typed::<ByteArrayType>().write_batch(values, levels, None)?;
                    values.clear();
                }
            }
            out.close()?;
            cells.levels.clear();
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

impl Rows for Sink<'_> {
    fn row(&mut self, values: &[Value<'_>]) -> Result<(), ReportError> {
        for ((column, cells), value) in self.columns.iter_mut().zip(values) {
            cells.levels.push(i16::from(*value != Value::None));
            match (&mut cells.values, *value) {
                (_, Value::None) => {}
                (Values::Numbers(all), Value::Count(n) | Value::Time(n)) => all.push(n),
                (Values::Numbers(all), Value::Money(minor, digits)) => {
                    all.push(scaled(minor, digits, column.name)?)
                }
                (Values::Flags(all), Value::Flag(yes)) => all.push(yes),
                (Values::Texts(all), Value::Text(text)) => {
                    all.push(ByteArray::from(text.as_bytes().to_vec()))
                }
                _ => {
                    return Err(ReportError::Parquet(format!(
                        "column {} holds what it says it does not",
                        column.name
                    )));
                }
            }
        }
        self.rows += 1;
        if self.rows == GROUP_ROWS { self.write_group().map_err(failed) } else { Ok(()) }
    }

    fn finish(mut self) -> Result<(), ReportError> {
        if self.rows > 0 {
            self.write_group().map_err(failed)?;
        }
        self.out.close().map_err(failed).map(|_| ())
    }
}

fn field(column: &Column) -> String {
    let name = column.name;
    let there = if column.optional { "optional" } else { "required" };
    match column.unit {
        Unit::Text => format!("{there} binary {name} (UTF8);"),
        Unit::Flag => format!("{there} boolean {name};"),
        Unit::Count => format!("{there} int64 {name};"),
        Unit::Money => format!("{there} int64 {name} (DECIMAL(18,{SCALE}));"),
        Unit::Time => format!("{there} int64 {name} (TIMESTAMP(MICROS,true));"),
    }
}

/// An amount in units of the fourth decimal.
fn scaled(minor: i64, digits: u32, column: &'static str) -> Result<i64, ReportError> {
    let factor = 10i64.checked_pow(SCALE.saturating_sub(digits));
    let scaled =
        factor.and_then(|factor| minor.checked_mul(factor)).filter(|n| n.unsigned_abs() < LIMIT as u64);
    scaled.ok_or_else(|| {
        ReportError::Parquet(format!(
            "an amount in column {column} has more than 14 digits before its decimals: export CSV"
        ))
    })
}

fn failed(error: ParquetError) -> ReportError {
    ReportError::Parquet(error.to_string())
}
