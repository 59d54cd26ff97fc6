//! Inquiries: what visitors ask, and who answers.
pub mod commands;
pub mod events;
mod state;
pub use state::Inquiry;
