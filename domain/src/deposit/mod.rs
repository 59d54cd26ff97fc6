//! See the events.
pub mod events;
