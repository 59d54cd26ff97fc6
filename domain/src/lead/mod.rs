//! Leads: recruiting merchants.
pub mod commands;
pub mod events;
