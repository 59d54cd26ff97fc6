//! The program as it is typed: one program of tests, since each that links all of it takes long to build.
#![allow(clippy::unwrap_used)] // a test may fail here

#[path = "../place/mod.rs"]
mod place;

mod bad_input;
mod bench;
mod books;
mod campaigns;
mod command_line;
mod figures;
mod in_kurrentdb;
mod in_postgres;
mod loan_pack;
mod log;
mod market_pack;
mod pack_lines;
mod payouts;
mod plan;
mod replay;
mod report;
mod serve;
mod server;
mod settlements;
mod statements;
mod whole_markets;
