//! A merchant's guarantee money (交易保证金): paid in, held for claims, deducted, paid back when it has left.
pub mod commands;
mod decide;
pub mod events;
mod state;

pub use state::{Deposit, Hold};
