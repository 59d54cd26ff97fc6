//! `daybook restore`

use std::path::PathBuf;

use daybook_market::backup::{check, restore};

use super::backup::show;
use crate::cli::{FileUrl, Global};
use crate::failure::Failure;

/// Check a backup, and put it back as a new journal
#[derive(Debug, clap::Args)]
#[command(long_about = "Check a backup, and put it back as a new journal.\n\n\
    Every file is held against its digest and the journal is read event by event before anything is put in place; \
    the copies are checked again, and the journal gets its name last. Without DEST it only checks.")]
pub struct Args {
    /// A folder that `daybook backup` made
    #[arg(value_name = "SRC")]
    src: PathBuf,
    /// The journal to make, such as sqlite:restored.db; refuses one that is there
    #[arg(value_name = "DEST")]
    dest: Option<FileUrl>,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    match &args.dest {
        None => show(global, &check(&args.src)?, &args.src.display().to_string()),
        Some(dest) => show(global, &restore(&args.src, &dest.0)?, &dest.to_string()),
    }
}
