//! The laws of ARCHITECTURE.md that a compiler does not hold, read from the sources.
//!
//! Each law has a function that finds what breaks it in a text, and a sample that breaks it, so that a law that
//! stopped looking would fail as well.

#[path = "architecture/sources.rs"]
mod sources;

#[path = "architecture/crates.rs"]
mod crates;
#[path = "architecture/documents.rs"]
mod documents;
#[path = "architecture/events.rs"]
mod events;
#[path = "architecture/purity.rs"]
mod purity;
#[path = "architecture/style.rs"]
mod style;
