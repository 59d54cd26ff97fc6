//! Carts: what a visitor means to buy.
//!
//! A cart that was checked out takes nothing more; what was in it is an order's from then on.
pub mod commands;
pub mod events;
mod state;
pub use state::Cart;
