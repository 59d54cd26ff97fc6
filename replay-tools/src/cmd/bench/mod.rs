//! `daybook bench`: what this machine does, and beside each number what it could do at most.
//!
//! Noise between two minutes reaches 1.5x on a shared machine, so a number stands for something only beside one
//! of the same run; both are printed, with their ratio. A module per figure.

mod balances;
mod bulk;
mod deposits;
mod figure;
mod histories;
mod hits;
mod inflight;
mod kept;
mod load;
mod models;
mod postgres;
mod room;
mod scan;
mod several;
mod signed;
mod what_if;

use std::path::{Path, PathBuf};

use daybook_journal::{Journal, SqliteJournal};

use self::figure::{Answer, Figure};
use self::load::Watch;
use self::room::{Room, failed};
use crate::cli::{Global, Url};
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Progress;

/// Events from which the journal named by --journal is worth reading.
const WORTH_READING: u64 = 10_000;

/// Measure appends, imports, scans and rebuilds beside what the disk and SQLite give in the same run
///
/// Works on files of its own, which it removes. Figures that read a journal read the one named by --journal,
/// if that holds at least 10,000 events, and change nothing in it. With --journal postgres://... the figures a, c and e of
/// that server, in a database of its own that is removed (its user must be allowed to make one); (a) from a process
/// that has the journal to itself, and from one, two and four that share it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Small amounts of work: seconds, and figures that say little
    #[arg(long)]
    quick: bool,
    /// Folder for the files; it should be on the disk that is to be measured [default: the journal's]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Only these figures
    #[arg(long, value_name = "FIGURES", value_delimiter = ',', value_parser = ["a", "b", "c", "d", "e", "f", "g", "h", "i"])]
    only: Vec<String>,
    /// Hits and orders that figures are kept of in (g)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(40_000..=100_000_000))]
    mixed_events: Option<u64>,
    /// One of the processes that another one measures: the streams that are its own, as FIRST..END
    #[arg(long, hide = true, value_name = "STREAMS", value_parser = several::streams)]
    process: Option<std::ops::Range<u64>>,
}

/// How much is done.
struct Size {
    /// Runs of which the median is taken.
    runs: u64,
    /// Deposits that exist before the first payment.
    streams: u64,
    /// Calls under way and commands in all.
    in_flight: &'static [(usize, usize)],
    /// Blocks made durable one by one.
    syncs: usize,
    /// Rows that a server commits one by one.
    singles: usize,
    /// Order histories of a bulk import, 10 events each.
    histories: u64,
    /// Deposits, ten events each, of which one read model is made.
    deposits: u64,
    /// Order histories appended while models follow.
    histories_followed: u64,
    /// Scans of which the median is taken.
    scans: u64,
    /// Page views recorded.
    hits: u64,
    /// Hits and orders that figures are kept of.
    mixed: u64,
}

const DEFAULT: Size = Size {
    runs: 5,
    streams: 100_000,
    in_flight: &[(1, 3_000), (16, 20_000), (64, 40_000), (256, 80_000), (1_024, 120_000)],
    syncs: 3_000,
    singles: 20_000,
    histories: 20_000,
    deposits: 50_000,
    histories_followed: 8_000,
    scans: 9,
    hits: 400_000,
    mixed: 1_000_000,
};

const QUICK: Size = Size {
    runs: 1,
    streams: 500,
    in_flight: &[(1, 50), (16, 320), (64, 640), (256, 1_280), (1_024, 2_048)],
    syncs: 50,
    singles: 320,
    histories: 400,
    deposits: 500,
    histories_followed: 100,
    scans: 1,
    hits: 4_000,
    mixed: 40_000,
};

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    if let Some(streams) = &args.process {
        return several::serve(global, streams.clone());
    }
    let size = if args.quick { QUICK } else { DEFAULT };
    let size = Size { mixed: args.mixed_events.unwrap_or(size.mixed), ..size };
    let beside = || match &global.journal {
        Url::Sqlite(path) => path.parent().filter(|p| !p.as_os_str().is_empty()).map(PathBuf::from),
        Url::Postgres(_) | Url::Kurrent(_) => None,
    };
    let dir = args.dir.clone().or_else(beside).unwrap_or_else(|| PathBuf::from("."));
    let room = Room::within(&dir)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    let server = match &global.journal {
        Url::Postgres(url) => Some(url.clone()),
        Url::Sqlite(_) | Url::Kurrent(_) => None,
    };
    room.remove_on_interrupt(&runtime, server);
    let wanted = |name: char| args.only.is_empty() || args.only.iter().any(|only| only.starts_with(name));
    let progress = Progress::new(!global.no_progress, "measuring", 6);
    let watch = Watch::start();
    let mut figures: Vec<Figure> = Vec::new();

    if let Url::Kurrent(_) = &global.journal {
        return Err(Failure::Usage(format!(
            "{} is a KurrentDB, which bench does not measure: name sqlite:PATH or postgres://HOST/DATABASE",
            global.journal
        )));
    }
    if let Url::Postgres(url) = &global.journal {
        progress.phase("a journal in PostgreSQL");
        figures.extend(postgres::measure(url, &runtime, &size, wanted('a'))?);
        return print(global, &size, &dir, watch, progress, figures, wanted);
    }
    let given = journal_to_read(global);
    // Memory is measured in (d), so what uses much of it for other reasons comes after it; its input comes first.
    if wanted('b') || (given.is_none() && (wanted('c') || wanted('d') || wanted('f') || wanted('h'))) {
        progress.phase("(b) bulk import");
        figures.push(bulk::measure(&room, &runtime, &size)?);
    }
    progress.set(1);
    let path = given.unwrap_or_else(|| room.kept(bulk::JOURNAL));
    if wanted('d') {
        progress.phase("(d) read models");
        figures.push(models::measure(&room, &runtime, &size, &path)?);
    }
    progress.set(2);
    if wanted('c') {
        progress.phase("(c) scan");
        figures.push(scan::measure(&path, &size)?);
    }
    progress.set(3);
    if wanted('f') {
        progress.phase("(f) balances as of a day");
        figures.push(balances::measure(&room, &size, &path)?);
    }
    progress.set(4);
    if wanted('h') {
        progress.phase("(h) what if");
        figures.push(what_if::measure(&path, &size)?);
    }
    if wanted('g') {
        progress.phase("(g) page views");
        figures.push(hits::measure(&room, &runtime, &size)?);
    }
    progress.set(5);
    if wanted('a') || wanted('e') {
        progress.phase("(a) commands in flight");
        let (throughput, latency) = inflight::measure(&room, &runtime, &size)?;
        figures.extend([throughput, latency]);
    }
    if wanted('i') {
        progress.phase("(i) the signed log");
        figures.push(signed::measure(&room, &runtime, &size)?);
    }
    print(global, &size, &dir, watch, progress, figures, wanted)
}

fn print(
    global: &Global,
    size: &Size,
    dir: &Path,
    watch: Watch,
    progress: Progress,
    mut figures: Vec<Figure>,
    wanted: impl Fn(char) -> bool,
) -> Result<(), Failure> {
    drop(progress);
    figures.retain(|figure| wanted(figure.figure));
    figures.sort_by_key(|figure| figure.figure);
    let answer = Answer {
        cores: load::cores() as u64,
        runs: size.runs,
        dir: dir.display().to_string(),
        used_by_others: watch.stop().others(),
        figures,
    };
    let mut out = Output::new(global.format);
    figure::print(&mut out, &answer)?;
    out.finish()
}

/// The journal named, if it can be read and holds enough.
fn journal_to_read(global: &Global) -> Option<PathBuf> {
    let Url::Sqlite(path) = &global.journal else { return None };
    if !path.exists() {
        return None;
    }
    let head = SqliteJournal::open_read_only(path).and_then(|journal| journal.head()).unwrap_or(0);
    (head >= WORTH_READING).then(|| path.clone())
}
