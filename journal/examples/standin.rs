//! The stand-in for KurrentDB by itself, to try things by hand: prints its URL and runs until its input ends.
//!
//! `cargo run --release -p daybook-journal --features standin --example standin`. What it is not: `docs/kurrentdb.md`.
#![allow(clippy::print_stdout)]

use daybook_journal::kurrentdb::standin::Standin;

fn main() -> std::io::Result<()> {
    let standin = Standin::start(1);
    println!("{}", standin.url());
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).map(drop)
}
