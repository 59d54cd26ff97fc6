//! See the events.
pub mod commands;
pub mod events;
