//! The market's settings and its books.
pub mod commands;
pub mod events;
mod policy;
pub use policy::Policy;
