//! `daybook journal`

use std::time::Instant;

use daybook_journal::postgres::PostgresRestore;
use daybook_journal::sqlite::SqliteRestore;
use daybook_journal::{Journal, PostgresJournal, Restore, SqliteJournal, kurrentdb};
use daybook_market::backup::copy_journal;

use crate::cli::{Global, Url};
use crate::failure::Failure;
use crate::output::{Output, say};
use crate::progress::Progress;
use crate::value::{Table, grouped};

/// Handle the journal as such
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Copy(Copy),
}

/// Copy a journal into another one, of whatever kind, and compare the two
#[derive(Debug, clap::Args)]
#[command(long_about = "Copy a journal into another one, of whatever kind, and compare the two.\n\n\
    Positions, times and every stored byte are kept: the copy has the same digests and the same signed log. KurrentDB gives \
    positions of its own: to and from there all but these are kept, and a journal is refused whose events name positions (a close \
    of the books, a statement of liabilities, a bank's statement, an issued pack). TO is made where there is none; what it holds \
    must be the beginning of FROM, so a copy that was cut off, or made a while ago, goes on where it ends; until this has ended \
    with 0 nothing may write TO. FROM may be in use: what it has when this begins is copied. The market's own files (keys, \
    webhooks, the log's folder) are not: copy those beside TO, under its name; behind a copy to or from KurrentDB keys alone.")]
struct Copy {
    /// The journal to read: sqlite:PATH, postgres://USER@HOST/DATABASE or esdb://USER@HOST:2113
    #[arg(value_name = "FROM")]
    from: Url,
    /// The journal to make or to go on with
    #[arg(value_name = "TO")]
    to: Url,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    match &args.what {
        What::Copy(copy) => copied(global, copy),
    }
}

fn copied(global: &Global, args: &Copy) -> Result<(), Failure> {
    if args.from == args.to {
        return Err(Failure::Usage("FROM and TO are the same journal".to_owned()));
    }
    let started = Instant::now();
    let from: Box<dyn Journal> = match &args.from {
        Url::Sqlite(path) => Box::new(SqliteJournal::open_read_only(path)?),
        Url::Postgres(url) => Box::new(PostgresJournal::open_read_only(url)?),
        Url::Kurrent(url) => Box::new(kurrentdb::open_read_only(url)?),
    };
    let mut to: Box<dyn Restore> = match &args.to {
        Url::Sqlite(path) => Box::new(SqliteRestore::open(path)?),
        Url::Postgres(url) => Box::new(PostgresRestore::open(url)?),
        Url::Kurrent(url) => kurrentdb::restore(url, kurrentdb::Options::default())?,
    };
    let progress = Progress::new(!global.no_progress, "copying", 1);
    let done = copy_journal(&*from, &mut *to, &mut |at, of| {
        progress.total(of);
        progress.set(at);
    })?;
    drop(progress);
    let mut table = Table::new(&["from", "to", "events", "kept", "copied", "digest"]);
    table.push(vec![
        args.from.to_string().into(),
        args.to.to_string().into(),
        done.events.count.into(),
        done.kept.into(),
        done.copied.into(),
        done.events.digest.as_str().into(),
    ]);
    let mut out = Output::new(global.format);
    out.record(&table)?;
    out.finish()?;
    say!("{} events in {:.1} s", grouped(&done.copied.to_string()), started.elapsed().as_secs_f64());
    Ok(())
}
