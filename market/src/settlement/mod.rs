//! Settlements of merchants' accounts: derived again from the journal, and audited.

mod audit;
pub(crate) mod derive;

pub use audit::{Audit, Difference, Unaccounted, audit};
