//! Leads: recruiting merchants. captured -> qualified -> won or lost.
pub mod commands;
pub mod events;
mod state;
pub use state::{Lead, LeadStage};
