//! The running market: followers, reactors, deadlines, imports, the simulated market.

pub mod olist;
pub mod verify;
