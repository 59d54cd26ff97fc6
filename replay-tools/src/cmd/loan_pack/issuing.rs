//! What issuing a pack is, whosever it is: it stands on the disk, is recorded, proved, and put in its place.

use std::path::{Path, PathBuf};

use chrono::{Datelike as _, Months, NaiveDate};
use daybook_commands::{Clock as _, SystemClock};
use daybook_domain::{Code, Currency, PartyId, Reference, Timestamp};
use daybook_journal::{Journal, Position};
use daybook_market::transparency::{folder, grow, sign};
use daybook_market::{AnyCommand, Calendar, Market};
use daybook_packs::{Figures, MOST_PROVING, Pack, both, put};
use daybook_projections::metrics::Sites;
use daybook_proofs::{Checkpoint, Log, MarketKey};

use crate::act::By;
use crate::cli::Global;
use crate::cmd::log::market_key;
use crate::failure::Failure;
use crate::figures::lists;
use crate::output::{Output, say};
use crate::value::{Table, Value};

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

/// What is said of a pack that is to be drawn, whosever it is.
#[derive(Debug, clap::Args)]
pub struct Handing {
    /// How many full calendar months; one that is not over on the last day is added
    #[arg(long, value_name = "N", default_value = "24", value_parser = clap::value_parser!(u32).range(1..=240))]
    months: u32,
    /// The last business day [default: yesterday]
    #[arg(long, value_name = "DATE")]
    until: Option<NaiveDate>,
    /// Where to: a folder to make, or a file that ends in .zip
    #[arg(long, value_name = "DIR|FILE.zip")]
    out: PathBuf,
    /// Draw it for your own eyes: nothing is recorded, and the pack says that it is a draft
    #[arg(long, conflicts_with_all = ["recipient", "purpose", "by", "key"])]
    draft: bool,
    /// Draw it as of an earlier position of the journal
    #[arg(long, value_name = "N", requires = "draft")]
    pub at_position: Option<Position>,
    /// Who gets it: a lender, of the market's own pack also an investor
    #[arg(long, value_name = "CODE", required_unless_present = "draft")]
    recipient: Option<Code>,
    /// What it is wanted for
    #[arg(long, value_name = "TEXT", required_unless_present = "draft")]
    purpose: Option<String>,
    /// Who issues it: a person's name or number, kept with the event
    #[arg(long, value_name = "PERSON", required_unless_present = "draft")]
    by: Option<PartyId>,
    /// The market's key, as `daybook log key` makes it: signs the log and proves the pack by it
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    #[command(flatten)]
    pub lists: Lists,
}

/// To whom a pack goes, and who sends it.
pub struct To {
    pub recipient: Code,
    pub purpose: String,
    pub by: PartyId,
}

/// A pack that was drawn: its files, its lines and its figures.
pub struct Drawn<F> {
    pub pack: Pack,
    pub facts: F,
    pub figures: Figures,
}

impl Handing {
    /// To whom it goes; none of a draft.
    pub fn to(&self) -> Option<To> {
        Some(To { recipient: self.recipient?, purpose: self.purpose.clone()?, by: self.by? })
    }

    /// The market's keys. One that cannot be read is known before anything is recorded.
    pub fn keys(&self) -> Result<Vec<MarketKey>, Failure> {
        self.key.iter().map(|path| market_key(path)).collect()
    }

    /// The first day and the last.
    pub fn days(&self, calendar: Calendar) -> Result<(NaiveDate, NaiveDate), Failure> {
        days(self.months, self.until, calendar)
    }

    /// Where it stands until it is whole; refused where nothing could be put.
    pub fn part(&self) -> Result<PathBuf, Failure> {
        part(&self.out)
    }

    /// Puts it in its place and tells of it, in a row of its own columns with the file, the digest and the position behind them.
    pub fn placed<F>(
        &self,
        global: &Global,
        (part, drawn): (&Path, &Drawn<F>),
        own: Vec<(&'static str, Value)>,
        issued_at: Option<Position>,
    ) -> Result<(), Failure> {
        place(part, &self.out)?;
        let rest: [(&str, Value); 3] = [
            ("file", self.out.display().to_string().into()),
            ("digest", drawn.pack.digest().into()),
            ("position", issued_at.into()),
        ];
        let (names, row): (Vec<&'static str>, Vec<Value>) = own.into_iter().chain(rest).unzip();
        let mut table = Table::new(&names);
        table.push(row);
        let mut out = Output::new(global.format);
        out.record(&table)?;
        out.finish()?;
        if issued_at.is_some() && self.key.is_empty() {
            say!("the pack is recorded and not proved: --key has the log sign it");
        }
        Ok(())
    }
}

/// Records that a pack is issued: where it stands then.
pub fn record(
    global: &Global,
    market: &Market,
    by: PartyId,
    command: AnyCommand,
) -> Result<Position, Failure> {
    let request = By { by, at: None, command_id: None }.request(command);
    global.runtime()?.block_on(async {
        let done = market.execute(request).await?;
        if let Err(error) = market.settle_reactions().await {
            // the pack is recorded, whatever else waits
            say!("the pack is recorded; what follows from other events waits for the next start: {error}");
        }
        done.receipt.map(|receipt| receipt.last).ok_or_else(|| {
            Failure::Refused("this very pack was issued before: the journal has its digest".to_owned())
        })
    })
}

/// A day as events name it.
pub fn code(day: NaiveDate) -> Code {
    Code::new(&day.to_string()).expect("invariant: a day is visible ASCII")
}

/// The digest of a pack's list as events name it.
pub fn digest(pack: &Pack) -> Reference {
    Reference::new(&pack.digest()).expect("invariant: 64 hexadecimal digits are a reference")
}

/// A currency, as it is named on the command line.
pub fn currency(code: &str) -> Result<Currency, String> {
    Currency::new(code).map_err(|error| error.to_string())
}

/// The first and the last day of so many full months, and of one that is not over on the last day.
fn days(
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
fn part(out: &Path) -> Result<PathBuf, Failure> {
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
fn place(part: &Path, out: &Path) -> Result<(), Failure> {
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
    /// What is asked of it before it is recorded.
    pub check: Check<'a>,
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
            written(pack, self.part, self.check)?;
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

/// What of a pack would not hold for whoever gets it, each a sentence.
pub type Check<'c> = &'c (dyn Fn(&Pack) -> Vec<String> + Sync);

/// Writes a pack, and reads it back: it must hold as whoever gets it will find it.
fn written(pack: &Pack, part: &Path, check: Check<'_>) -> Result<(), Failure> {
    let write = || -> Result<(), Failure> {
        pack.write(part)?;
        stands(pack, part)
    };
    // what is checked here is what stands there, byte by byte
    let (wrong, written) = both(|| check(pack), write);
    written?;
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
    within(&proofs)?;
    let names: Vec<&str> = proofs.iter().map(|(name, _)| *name).collect();
    pack.set_proofs(&names, proofs);
    pack.lay_proofs(at, &names)?;
    stands(pack, at)
}

/// Refuses proofs that nobody would read.
pub fn within(proofs: &[(&'static str, Vec<u8>)]) -> Result<(), Failure> {
    match proofs.iter().find(|(_, bytes)| bytes.len() as u64 > MOST_PROVING) {
        None => Ok(()),
        Some((name, bytes)) => Err(Failure::Refused(format!(
            "proof/{name} would have {} bytes, and {MOST_PROVING} are read: take fewer months",
            bytes.len()
        ))),
    }
}

/// Whether a pack reads back as it was written.
pub fn stands(pack: &Pack, at: &Path) -> Result<(), Failure> {
    if pack.stands(at)? {
        return Ok(());
    }
    Err(Failure::Unavailable(format!("{} does not read back as it was written", at.display())))
}

/// Writes a draft as whoever gets it will find it, or nothing of it.
pub fn draft(pack: &Pack, part: &Path, check: Check<'_>) -> Result<(), Failure> {
    written(pack, part, check).inspect_err(|_| drop_part(part))
}

/// Takes back what was written of a pack that was not issued; what is in the way of that is left.
fn drop_part(part: &Path) {
    let _ = if part.is_dir() { std::fs::remove_dir_all(part) } else { std::fs::remove_file(part) };
}
