//! Buyers: their membership, and the points that they earn, spend and lose.
//!
//! Points are a liability: what they are worth is set when they are earned. Points that leave take their share of that
//! value with them, by the house-monotone rule, so that none is left when no point is.
pub mod commands;
pub mod events;
mod state;
pub use state::Buyer;
