//! What issuing a pack is, whosever it is: it stands on the disk, is recorded, proved, and put in its place.

use std::path::{Path, PathBuf};

use chrono::{Datelike as _, Months, NaiveDate};
use daybook_commands::{Clock as _, SystemClock};
use daybook_domain::Timestamp;
use daybook_journal::{Journal, Position};
use daybook_market::Calendar;
use daybook_market::transparency::{folder, grow, sign};
use daybook_packs::{MOST_PROVING, Pack, put};
use daybook_projections::metrics::Sites;
use daybook_proofs::{Checkpoint, Log, MarketKey};

use crate::cli::Global;
use crate::failure::Failure;
use crate::figures::lists;
use crate::output::say;

/// By what it is told how visitors came.
#[derive(Debug, clap::Args)]
pub struct Lists {
    /// A TOML file of the market's own hosts, and of search engines, social networks and partners of its own [default: the
    /// lists with which the read models were made, see `daybook serve --sites`]
    #[arg(long, value_name = "FILE", env = "DAYBOOK_SITES")]
    sites: Option<PathBuf>,
}

impl Lists {
    pub fn of(&self, global: &Global) -> Result<Sites, Failure> {
        global.sites(lists(self.sites.as_deref())?)
    }
}

/// The first and the last day of so many full months, and of one that is not over on the last day.
pub fn days(
    months: u32,
    until: Option<NaiveDate>,
    calendar: Calendar,
) -> Result<(NaiveDate, NaiveDate), Failure> {
    let today = calendar.day(Timestamp(SystemClock.now()));
    let to = until.or(today.pred_opt()).unwrap_or(today);
    if to > today {
        return Err(Failure::Usage(format!("--until {to} has not come: a pack tells of what happened")));
    }
    // the month of the last day is one of them where that day ends it
    let ends = to.succ_opt().is_none_or(|next| next.day() == 1);
    let before = Months::new(months - u32::from(ends));
    let first = to.with_day(1).and_then(|first| first.checked_sub_months(before));
    first.map(|from| (from, to)).ok_or_else(|| Failure::Usage(format!("--until {to} is no day of a market")))
}

/// Where a pack stands until it is whole: beside its own place, so that it can be moved there at once. Refused where it could not
/// be, before anything is recorded.
pub fn part(out: &Path) -> Result<PathBuf, Failure> {
    if out.exists() {
        return Err(Failure::Refused(format!("{} is there already: name another", out.display())));
    }
    let within = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    if within.is_some_and(|folder| !folder.is_dir()) {
        return Err(Failure::Refused(format!("{} has no folder to stand in", out.display())));
    }
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    Ok(out.with_file_name(format!(".part-{}-{name}", std::process::id())))
}

/// Puts a pack that is whole in its place.
pub fn place(part: &Path, out: &Path) -> Result<(), Failure> {
    put(part, out)
        .map_err(|error| Failure::Unavailable(format!("the pack stands in {}: {error}", part.display())))
}

/// A pack on its way.
pub struct Issuing<'a> {
    pub global: &'a Global,
    pub journal: &'a dyn Journal,
    /// Where it stands until it is whole.
    pub part: &'a Path,
    /// What signs the log; none: nothing is proved.
    pub keys: &'a [MarketKey],
}

/// The proofs of a pack, by their names.
pub type Proofs = Result<Vec<(&'static str, Vec<u8>)>, Failure>;

/// What proves a pack: before it is recorded, what stands in the journal already, and then that it is recorded.
pub struct Proving<B, A> {
    pub before: B,
    pub after: A,
}

impl Issuing<'_> {
    /// Writes a pack, records it, has the log sign that, and lays the proofs into it. Nothing is recorded that could not be written, and
    /// read back as it was; and whatever can be in the way of its proofs (another who writes the log, a month that was opened again, a
    /// statement that is too long) is met before.
    pub fn issue(
        &self,
        pack: &mut Pack,
        record: impl FnOnce(&Pack) -> Result<Position, Failure>,
        proving: Proving<
            impl FnOnce(&Log, &Checkpoint) -> Proofs,
            impl FnOnce(&Log, &Checkpoint, Position) -> Proofs,
        >,
    ) -> Result<Position, Failure> {
        let mut log = match self.keys {
            [] => None,
            _ => Some(Log::open(&folder(&self.global.file()?))?),
        };
        let before = || -> Result<(), Failure> {
            written(pack, self.part)?;
            let Some(log) = &mut log else { return Ok(()) };
            let checkpoint = sign_log(self.journal, log, self.keys)?;
            prove_with(pack, self.part, (proving.before)(log, &checkpoint)?)
        };
        before().inspect_err(|_| drop_part(self.part))?;
        let position = record(pack).inspect_err(|error| match error {
            // it may be recorded all the same, and cannot be drawn again: its time is part of it
            Failure::Unavailable(_) => {
                say!("whether the pack is recorded is not known: it stands in {}", self.part.display());
            }
            _ => drop_part(self.part),
        })?;
        let after = || -> Result<(), Failure> {
            let Some(log) = &mut log else { return Ok(()) };
            let checkpoint = sign_log(self.journal, log, self.keys)?;
            prove_with(pack, self.part, (proving.after)(log, &checkpoint, position)?)
        };
        after().inspect_err(|_| {
            say!(
                "the pack is recorded at position {position}, and stands without all its proofs in {}: `daybook loan-pack prove` adds them \
                 (a merchant's: until the books are closed the next time)",
                self.part.display()
            );
        })?;
        Ok(position)
    }
}

/// Writes a pack, and reads it back: it must hold as whoever gets it will find it.
fn written(pack: &Pack, part: &Path) -> Result<(), Failure> {
    pack.write(part)?;
    stands(pack, part)?;
    let wrong = if pack.is_of_market() { pack.check_market().wrong } else { pack.check().wrong };
    match wrong.first() {
        None => Ok(()),
        Some(wrong) => Err(Failure::Refused(format!("the pack does not hold, and is not made: {wrong}"))),
    }
}

/// The log as far as the journal goes, signed.
pub fn sign_log(journal: &dyn Journal, log: &mut Log, keys: &[MarketKey]) -> Result<Checkpoint, Failure> {
    grow(journal, log, &mut |_| true)?;
    let of = daybook_market::Options::default().market;
    Ok(sign(journal, of, log, keys, Timestamp(SystemClock.now()))?)
}

/// Lays proofs into a pack, there and where it is written.
pub fn prove_with(pack: &mut Pack, at: &Path, proofs: Vec<(&'static str, Vec<u8>)>) -> Result<(), Failure> {
    for (name, bytes) in proofs {
        if bytes.len() as u64 > MOST_PROVING {
            return Err(Failure::Refused(format!(
                "proof/{name} would have {} bytes, and {MOST_PROVING} are read: take fewer months",
                bytes.len()
            )));
        }
        pack.prove(at, name, bytes)?;
    }
    stands(pack, at)
}

/// Whether a pack reads back as it was written.
fn stands(pack: &Pack, at: &Path) -> Result<(), Failure> {
    if Pack::read(at)? == *pack {
        return Ok(());
    }
    Err(Failure::Unavailable(format!("{} does not read back as it was written", at.display())))
}

/// Writes a draft as whoever gets it will find it, or nothing of it.
pub fn draft(pack: &Pack, part: &Path) -> Result<(), Failure> {
    written(pack, part).inspect_err(|_| drop_part(part))
}

/// Takes back what was written of a pack that was not issued; what is in the way of that is left.
fn drop_part(part: &Path) {
    let _ = if part.is_dir() { std::fs::remove_dir_all(part) } else { std::fs::remove_file(part) };
}
