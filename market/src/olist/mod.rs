//! The Olist data set (Brazilian marketplace, 2016 to 2018) as a market's history.
//!
//! `tables -> dataset (typed rows) -> plan (what happened, and what is odd about it) -> commands -> journal`.
//! Everything up to the plan is pure reading: nothing is appended before all of the input has been found
//! sound. What is odd but readable is imported as it is and listed as a finding.

pub mod clock;
pub mod dataset;
pub mod findings;
pub mod import;
mod oddities;
pub mod plan;
mod record;
pub mod report;
pub mod rows;
pub mod table;
pub mod totals;

#[cfg(test)]
mod tests;

pub use findings::{Finding, FindingKind, Findings};
pub use import::import;
pub use plan::Plan;
pub use report::{ImportError, Report};
pub use table::InputError;
