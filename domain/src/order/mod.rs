//! The order: the sale, its escrow, its commission, its after-sales and disputes.
//!
//! One merchant per order, one stream per order: money moves only in step with goods and rulings. Escrow is kept
//! per line; whatever names lines may name pieces of them. What follows of itself (release of received pieces,
//! commission, completion) follows in the same append.
mod after_sales;
mod chargeback;
pub mod commands;
mod commission;
mod decide;
mod dispute;
mod escrow;
pub mod events;
mod evolve;
mod ledger;
mod line;
mod place;
mod refunds;
mod restate;
mod ruling;
mod sale;
mod split;
mod state;
mod view;

pub use commands::OrderCommand;
pub use line::Line;
pub use place::{MAX_LINES, MAX_SUBSIDIES};
pub use restate::{RESTATED_FROM, Restatement};
pub use split::{Parts, Pool};
pub use state::{Dispute, DisputeStage, Order};
