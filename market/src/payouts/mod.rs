//! Payouts: runs that pay merchants what is available, and the explanation of each down to the orders' payments.
//!
//! A run asks for what may leave each account as of its instant: no more than stays available from then on, so that
//! a run for a day in the past never takes what was paid later. Its payouts' ids are derived from merchant, day and
//! currency: run twice, it does nothing more.
//!
//! A merchant's money goes where its last payout of the same currency went; before there was one, to
//! `on-file/{merchant}`, the account that the bank keeps for it. A payout by hand to another destination changes it.

mod accounts;
mod audit;
mod explain;
mod funding;
mod history;
mod run;

pub use audit::{Audit, audit};
pub use explain::{Explained, ExplainedSettlement, SettlementLine, explain};
pub use funding::{ExplainedOrder, Payment};
pub use run::{HeldBack, Outcome, Run, Runs};
