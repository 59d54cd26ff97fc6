//! Settlements of merchants' accounts: the run that closes them by each merchant's cycle, and their audit, which
//! derives them again from the journal alone.

mod audit;
pub(crate) mod cycle;
mod days;
pub(crate) mod derive;
pub(crate) mod fees;
mod run;
pub(crate) mod source;

pub use audit::{Audit, Difference, Unaccounted, audit};
pub use days::Every;
pub use run::{Cut, Ran, Refused, settlement_id};

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may panic
mod tests;
