//! `daybook rebuild`

use std::time::Instant;

use crate::cli::Global;
use crate::failure::Failure;
use crate::open::{told, unit};
use crate::output::say;
use crate::progress::Progress;

/// Make read models anew from the journal
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only these; all of them when none is named
    #[arg(value_name = "MODEL")]
    models: Vec<String>,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let models = global.read_models()?;
    let names: Vec<&str> = args.models.iter().map(String::as_str).collect();
    let started = Instant::now();
    let progress = Progress::new(!global.no_progress, "folding events", 1);
    let fresh = models.rebuild(&names, &mut told(&progress))?;
    drop(progress);
    let seconds = started.elapsed().as_secs_f64();
    let what = if names.is_empty() { "all read models".to_owned() } else { names.join(", ") };
    let unit = unit(models.journal().as_ref());
    say!("rebuilt {what} from {} {unit} in {seconds:.1} s", fresh.applied);
    Ok(())
}
