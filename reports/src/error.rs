//! What can go wrong while a report is drawn up.

use std::io;

use daybook_projections::ReadModelError;

/// Why a report could not be drawn up.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The read models could not be read.
    #[error(transparent)]
    ReadModels(#[from] ReadModelError),
    /// The report could not be written.
    #[error(transparent)]
    Write(#[from] io::Error),
    /// The workbook could not be put together.
    #[error("the workbook could not be put together: {0}")]
    Workbook(String),
    /// An amount is in no currency.
    #[error("row {row} of {table} has an amount in {column} and names no currency: rebuild the read models")]
    NoCurrency {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// Which row, from 1.
        row: u64,
    },
    /// A Parquet file could not be written.
    #[error("the Parquet file could not be written: {0}")]
    Parquet(String),
}
