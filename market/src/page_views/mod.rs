//! Import of a shop's own record of its visitors: page views and acts, one row each.
//!
//! The file is read twice: once to check every row, once to record them. What is not a table of hits (a column that
//! is not known, a row with a field too many, a time that is none: a column is shifted) refuses the file, with line
//! and field, before anything is written. A row that is a hit but for a bound is left out and counted. A hit's
//! identity is its own id, or its content and line, so that the same file again adds nothing.

mod import;
mod report;
mod source;

pub use import::import;
pub use report::{HitFinding, PageViewsError, PageViewsReport};
pub use source::Source;
