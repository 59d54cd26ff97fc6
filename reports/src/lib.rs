//! Statements and books for people and for other programs: XLSX, HTML, Parquet, beancount, hledger.
//!
//! Everything here is drawn from the read models, in one pass and in memory that does not grow with the entries;
//! nothing is computed that the books do not say. A [`Page`] is laid out from what was told elsewhere.

mod amount;
mod error;
pub mod loan_pack;
pub mod page;
pub mod period;
pub mod plaintext;
pub mod statement;
pub mod tables;

pub use error::ReportError;
pub use page::Page;
pub use period::Period;
pub use statement::Statement;
