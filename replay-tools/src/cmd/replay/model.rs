//! A read model as of any moment, in memory.

use daybook_journal::Journal;
use daybook_projections::{Calendar, Snapshot};
use daybook_reports::tables::{Shape, write_snapshot};

use super::Args;
use crate::cli::Global;
use crate::cmd::export::into_file;
use crate::failure::Failure;
use crate::open::told;
use crate::output::{Output, say};
use crate::progress::Progress;
use crate::value::{Table, grouped};

pub fn run(global: &Global, args: &Args, journal: &dyn Journal) -> Result<(), Failure> {
    let at = args.cuts.of(journal.head()?, || Ok(Calendar::of_journal(journal)?))?;
    let model = args.model.as_deref().filter(|model| *model != "all");
    let names: Vec<&str> = model.into_iter().collect();
    let one_file = args.csv.is_some() || args.parquet.is_some();
    if model.is_none() && (one_file || args.rows) {
        let why = "rows of all read models are several tables: name one, or a folder with --out";
        return Err(Failure::Usage(why.to_owned()));
    }
    let wanted = args.rows || one_file || args.out.is_some();
    let snapshot = {
        let progress = Progress::new(!global.no_progress, "folding events", 1);
        let sites = global.sites(args.rules.visits().named()?)?;
        Snapshot::replay_told(journal, at, (&names, wanted), sites, &mut told(&progress))?
    };
    for table in snapshot.tables() {
        // a model's own table goes to the file that is named; its child rows, and what tallies them, to a folder only
        let own = model == Some(table.name);
        for (path, shape) in args.files(table.name)? {
            let named = [&args.csv, &args.parquet].into_iter().flatten().any(|asked| *asked == path);
            if named && !own {
                continue;
            }
            let rows = into_file(&path, |out| Ok(write_snapshot(&snapshot, &table, shape, out)?))?;
            say!("{}: {} rows", path.display(), grouped(&rows.to_string()));
        }
        if args.rows && own {
            // rows are for programs, and there may be many: CSV, whatever is asked for
            let mut out = std::io::BufWriter::new(std::io::stdout());
            write_snapshot(&snapshot, &table, Shape::Csv, &mut out)?;
        }
    }
    if args.rows {
        return Ok(());
    }
    let mut table = Table::new(&["table", "rows", "digest"]);
    for digest in snapshot.digests() {
        table.push(vec![digest.table.into(), digest.rows.into(), digest.digest.to_string().into()]);
    }
    let mut out = Output::new(global.format);
    out.table(&table)?;
    out.finish()?;
    say!("replayed through position {}", snapshot.through());
    Ok(())
}
