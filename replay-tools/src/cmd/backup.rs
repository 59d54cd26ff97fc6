//! `daybook backup`

use std::path::PathBuf;

use daybook_market::backup::{Manifest, back_up};

use crate::cli::Global;
use crate::failure::Failure;
use crate::output::Output;
use crate::value::Table;

/// Copy a market that may be running to a new folder, and check the copy
#[derive(Debug, clap::Args)]
#[command(long_about = "Copy a market that may be running to a new folder, and check the copy.\n\n\
    The folder holds the journal as it was at one moment, the market's own files beside it, the checkpoints of its \
    signed log with the secret that what is owed is stated with, and manifest.json with a digest of the events and of each \
    file. Read models are not in it: they are made from the journal. The copy is read \
    event by event and compared with the journal before the folder gets its name. `daybook restore` puts it back.")]
pub struct Args {
    /// The folder to make; refuses one that is there
    #[arg(value_name = "DEST")]
    dest: PathBuf,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let cure = "back it up with pg_basebackup or pg_dump, or copy it to a file: daybook journal copy URL sqlite:copy.db";
    let journal = global.journal_file(cure)?;
    global.must_exist()?;
    let manifest = back_up(journal, &args.dest)?;
    show(global, &manifest, &args.dest.display().to_string())
}

/// Says what a backup holds.
pub fn show(global: &Global, manifest: &Manifest, place: &str) -> Result<(), Failure> {
    let mut table = Table::new(&["place", "events", "digest", "made_at", "bytes", "parts"]);
    let words: Vec<&str> = manifest.parts.iter().map(|part| part.word.as_str()).collect();
    table.push(vec![
        place.into(),
        manifest.events.count.into(),
        manifest.events.digest.as_str().into(),
        Some(manifest.made_at).into(),
        manifest.parts.iter().map(|part| part.bytes).sum::<u64>().into(),
        words.join(" ").into(),
    ]);
    let mut out = Output::new(global.format);
    out.record(&table)?;
    out.finish()
}
