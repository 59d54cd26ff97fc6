//! The append-only event log: one contract, several backends.
