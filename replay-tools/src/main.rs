//! The command line of Daybook: parse, call, print. One file per subcommand in [`cmd`].
//!
//! Data goes to standard output, everything else to standard error. Exit codes: 0 done, 1 a check found
//! something, 2 usage, 3 input refused, 4 unavailable.

mod act;
mod asked;
mod cli;
mod cmd;
mod cuts;
mod failure;
mod figures;
mod open;
mod output;
mod parse;
mod plans;
mod progress;
mod rows;
mod sites;
mod source;
mod value;

use std::process::ExitCode;

use clap::Parser;

use cli::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cmd::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
