//! Leads: recruiting merchants.
pub mod events;
