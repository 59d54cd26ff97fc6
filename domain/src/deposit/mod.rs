//! A merchant's guarantee money (交易保证金): paid in, held for claims, deducted, paid back when it has left.
pub mod commands;
pub mod events;
