//! `daybook completions SHELL`

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::{Cli, Global};
use crate::failure::Failure;
use crate::output::Output;

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    shell: Shell,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "daybook", &mut script);
    let mut out = Output::new(global.format);
    out.line(String::from_utf8_lossy(&script).trim_end())?;
    out.finish()
}
