//! Statement files of providers and banks, and what of them the books know.
//!
//! Shape: [`read`] takes the bytes of one file, finds out by its content what it is, and gives its statements as
//! lines of one type; [`books::entries`] gives what the books say of the same money, from events alone;
//! [`matching::reconcile`] lays one beside the other: matches, each with its reason, and breaks, each of a kind.
//! All of it is pure and deterministic: the same file and the same books give the same result.
//!
//! Formats are read by parsers of this crate on quick-xml, csv, encoding_rs and zip. The crates there are for
//! MT940 and camt.053 were looked at first: those of MT940 refuse what banks really send (no entry date, funds codes,
//! a missing closing balance), those of ISO 20022 generate hundreds of types per message version and refuse a
//! namespace they were not made for.

pub mod books;
mod decode;
mod error;
mod formats;
pub mod limits;
mod line;
pub mod matching;
mod table;
mod text;
mod xml;

pub use error::StatementError;
pub use formats::read;
pub use line::{Finding, Format, Line, LineKind, Parsed, Side, Statement};
