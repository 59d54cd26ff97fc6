//! One payment session for one basket: what came in, what it is reserved for, what stands without an order.
pub mod commands;
pub mod events;
