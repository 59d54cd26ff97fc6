//! What issuing a pack is, whosever it is: it stands on the disk, is recorded, proved, and put in its place.

use std::path::{Path, PathBuf};

use chrono::{Datelike as _, Months, NaiveDate};
use daybook_commands::{Clock as _, SystemClock};
use daybook_domain::Timestamp;
use daybook_journal::{Journal, Position};
use daybook_market::Calendar;
use daybook_market::transparency::{folder, grow, sign};
use daybook_packs::{Pack, put};
use daybook_proofs::{Checkpoint, Log, MarketKey};

use crate::cli::Global;
use crate::failure::Failure;
use crate::output::say;

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

impl Issuing<'_> {
    /// Writes a pack, records it, has the log sign that, and lays the proofs into it. Nothing is recorded that could not be written, and
    /// read back as it was.
    pub fn issue(
        &self,
        pack: &mut Pack,
        record: impl FnOnce(&Pack) -> Result<Position, Failure>,
        proofs: impl FnOnce(&Log, &Checkpoint, Position) -> Proofs,
    ) -> Result<Position, Failure> {
        self.written(pack).inspect_err(|_| drop_part(self.part))?;
        let position = record(pack).inspect_err(|error| match error {
            // it may be recorded all the same, and cannot be drawn again: its time is part of it
            Failure::Unavailable(_) => {
                say!("whether the pack is recorded is not known: it stands in {}", self.part.display());
            }
            _ => drop_part(self.part),
        })?;
        if !self.keys.is_empty() {
            self.prove(pack, position, proofs).inspect_err(|_| {
                say!(
                    "the pack is recorded at position {position}, and stands without all its proofs in {}",
                    self.part.display()
                );
            })?;
        }
        Ok(position)
    }

    /// Writes a pack, and reads it back: it must hold as whoever gets it will find it.
    fn written(&self, pack: &Pack) -> Result<(), Failure> {
        pack.write(self.part)?;
        let read = Pack::read(self.part)?;
        if read != *pack {
            let why = format!("{} does not read back as it was written", self.part.display());
            return Err(Failure::Unavailable(why));
        }
        let wrong = if read.is_of_market() { read.check_market().wrong } else { read.check().wrong };
        match wrong.first() {
            None => Ok(()),
            Some(wrong) => {
                Err(Failure::Refused(format!("the pack does not hold, and is not issued: {wrong}")))
            }
        }
    }

    fn prove(
        &self,
        pack: &mut Pack,
        position: Position,
        proofs: impl FnOnce(&Log, &Checkpoint, Position) -> Proofs,
    ) -> Result<(), Failure> {
        let mut log = Log::open(&folder(&self.global.file()?))?;
        grow(self.journal, &mut log, &mut |_| true)?;
        let of = daybook_market::Options::default().market;
        let checkpoint = sign(self.journal, of, &mut log, self.keys, Timestamp(SystemClock.now()))?;
        for (name, bytes) in proofs(&log, &checkpoint, position)? {
            pack.prove(self.part, name, bytes)?;
        }
        Ok(())
    }
}

/// Takes back what was written of a pack that was not issued; what is in the way of that is left.
fn drop_part(part: &Path) {
    let _ = if part.is_dir() { std::fs::remove_dir_all(part) } else { std::fs::remove_file(part) };
}
