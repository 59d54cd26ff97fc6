//! The order: the sale, its escrow, its commission, its after-sales and disputes.
pub mod commands;
pub mod events;
