//! Leads: recruiting merchants.
//!
//! | status | may become |
//! |---|---|
//! | captured | qualified, lost; won in an import |
//! | qualified | won, lost |
//! | won, lost | nothing more |
pub mod commands;
pub mod events;
mod state;
pub use state::{Lead, LeadStage};
