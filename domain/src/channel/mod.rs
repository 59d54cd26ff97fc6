//! Sales channels: the platforms and shops where sales are made, as far as they report on their own visitors.
//!
//! A report of a day replaces the one before it for the same day and source: figures are corrected by reporting again.
pub mod commands;
pub mod events;
mod state;
pub use state::{Channel, MOST_REPORTED};
