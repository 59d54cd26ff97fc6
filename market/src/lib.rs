//! The running market: followers, reactors, deadlines, imports, the simulated market.

pub mod verify;
