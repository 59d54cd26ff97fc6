//! Statements that prove themselves: what a close of the books seals, and what a merchant is handed.
//!
//! `seal` draws up what a close commits to. [`Prover::prove`] gives the files of a statement; whoever has the market's public key
//! checks them with [`daybook_proofs::verify_statement`], without a journal.

pub mod blinding;
mod chapters;
mod daily;
mod index;
pub mod liabilities;
mod seal;

use std::path::Path;

use daybook_domain::books::Month;
use daybook_domain::books::events::StatementSeal;
use daybook_domain::{Code, MarketId};
use daybook_journal::{Journal, Position};
use daybook_projections::{Calendar, ReadModelError, ReadModels};
use daybook_proofs::statement::{Chapter, MerchantLeaf, StatementFiles, closed_line};
use daybook_proofs::{Checkpoint, Files, KeyedPath, Log, PublicKey};

use crate::periods::{Period, in_force};
use crate::transparency::{TransparencyError, prove};

pub(crate) use seal::seal;

/// Proves statements of one market.
#[derive(Clone, Copy)]
pub struct Prover<'a> {
    /// Read models that have come as far as the last close.
    pub models: &'a ReadModels,
    /// The journal.
    pub journal: &'a dyn Journal,
    /// Whose books.
    pub market: MarketId,
    /// Where its log lies ([`folder`](crate::transparency::folder)).
    pub folder: &'a Path,
}

impl std::fmt::Debug for Prover<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prover")
            .field("market", &self.market)
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// A statement, and what proves it.
#[derive(Clone, Debug)]
pub struct Proven {
    /// The files to hand on: [`archive::write`](daybook_proofs::statement::archive::write) puts them in one.
    pub files: Files,
    /// Every line, by currency and month; a month without lines has no chapter.
    pub chapters: Vec<Chapter>,
    /// The checkpoint it stands under.
    pub checkpoint: Checkpoint,
}

/// What a close covers.
struct Covered {
    after: Option<Month>,
    from: i64,
    until: i64,
    through: Position,
}

fn refused<T>(why: impl Into<String>) -> Result<T, TransparencyError> {
    Err(TransparencyError::Refused(why.into()))
}

fn month(code: Code) -> Result<Month, TransparencyError> {
    Month::parse(code).map_err(|error| TransparencyError::Refused(error.to_string()))
}

impl Covered {
    fn by(period: &Period, calendar: Calendar) -> Result<Self, TransparencyError> {
        let after = period.seal.as_ref().and_then(|seal| seal.after).map(month).transpose()?;
        let from = after.map_or(i64::MIN, |after| calendar.start_of_month(after.next()).0);
        Ok(Self { after, from, until: period.until.0, through: period.through })
    }
}

impl Prover<'_> {
    /// Every line of a merchant from the first month through the last, and that there is no other.
    ///
    /// # Errors
    /// [`TransparencyError::Refused`] says what is not closed, sealed or signed yet, and how to make up for it.
    pub fn prove(&self, merchant: &str, first: Month, last: Month) -> Result<Proven, TransparencyError> {
        self.prove_signed(merchant, first, last, &[])
    }

    /// As [`prove`](Self::prove), with the signatures of these keys, the market's and witnesses'.
    ///
    /// # Errors
    /// As [`prove`](Self::prove); [`ProofError::Broken`](daybook_proofs::ProofError) where they did not sign the last checkpoint.
    pub fn prove_signed(
        &self,
        merchant: &str,
        first: Month,
        last: Month,
        signed_by: &[PublicKey],
    ) -> Result<Proven, TransparencyError> {
        if last < first {
            return refused(format!("{last} is before {first}: name the earlier month first"));
        }
        let log = Log::read(self.folder)?;
        let checkpoint = self.newest(&log)?.signed_by(signed_by)?;
        let closes = self.closes(first, last, &checkpoint)?;
        let calendar = self.models.calendar()?;
        let mut files = StatementFiles::of(merchant, &first.to_string(), &last.to_string());
        let mut chapters = Vec::new();
        for close in &closes {
            files.close(&prove(self.journal, &log, close.position, &checkpoint)?);
            let covered = Covered::by(close, calendar)?;
            if covered.after.is_some_and(|after| after >= last) {
                continue;
            }
            let (own, path) = self.sealed(merchant, close, &covered)?;
            let leaf = leaf(merchant, &own);
            files.sealed(close.position, leaf, path);
            let months = first.to_string()..=last.to_string();
            let asked = |chapter: &Chapter| months.contains(&chapter.month) && !chapter.lines.is_empty();
            chapters.extend(own.into_iter().filter(asked));
        }
        chapters.iter().for_each(|chapter| files.chapter(chapter));
        chapters.sort_by(|a, b| (&a.currency, &a.month).cmp(&(&b.currency, &b.month)));
        Ok(Proven { files: files.finish(), chapters, checkpoint })
    }

    fn newest(&self, log: &Log) -> Result<Checkpoint, TransparencyError> {
        let none = "no checkpoint was signed yet: `daybook log checkpoint` signs one";
        log.newest()?.ok_or_else(|| TransparencyError::Refused(none.to_owned()))
    }

    /// The closes from the one that sealed the first month to the last in force.
    fn closes(
        &self,
        first: Month,
        last: Month,
        under: &Checkpoint,
    ) -> Result<Vec<Period>, TransparencyError> {
        let mut closes = in_force(self.journal, self.market, under.size)?;
        let named = |last: &Period| under.lines.contains(&closed_line(last.period.as_str(), last.position));
        if closes.last().is_some_and(|last| !named(last)) {
            return refused(
                "the last checkpoint does not say which books were closed: `daybook log checkpoint` signs one that does, \
                 once something has come",
            );
        }
        // what the market itself knows to have been opened again since, it does not hand out as complete
        let now = in_force(self.journal, self.market, Position::MAX)?;
        if let Some(gone) = closes.iter().find(|close| !now.iter().any(|one| one.position == close.position))
        {
            return refused(format!(
                "{} was opened again since the last checkpoint: close it, and sign the log again (`daybook log checkpoint`)",
                gone.period
            ));
        }
        let mut unsealed = Vec::new();
        let mut found = Vec::new();
        for close in closes.drain(..) {
            if month(close.period)? < first {
                continue;
            }
            match &close.seal {
                Some(_) => found.push(close),
                None => unsealed.push(close.period.to_string()),
            }
        }
        if !unsealed.is_empty() {
            return refused(format!(
                "{} was closed before statements were sealed: open it again and close it (`daybook period`)",
                unsealed.join(", ")
            ));
        }
        match found.last().map(|close| month(close.period)).transpose()? {
            Some(reached) if reached >= last => Ok(found),
            reached => {
                let reached =
                    reached.map_or_else(String::new, |month| format!(", the last that is is {month}"));
                refused(format!(
                    "the books of {last} are not closed under the last checkpoint{reached}: `daybook period close` closes \
                     them, `daybook log checkpoint` signs"
                ))
            }
        }
    }

    /// What a close sealed of a merchant, and the way to its root.
    fn sealed(
        &self,
        merchant: &str,
        close: &Period,
        covered: &Covered,
    ) -> Result<(Vec<Chapter>, KeyedPath), TransparencyError> {
        let Some(seal) = &close.seal else { return refused(format!("{} is not sealed", close.period)) };
        let Covered { from, until, through, .. } = *covered;
        let within = chapters::Within { merchant: Some(merchant), from, until, through };
        let own = chapters::of(self.models, within)?.pop().map_or_else(Vec::new, |(_, chapters)| chapters);
        let content = leaf(merchant, &own).map(|leaf| leaf.hash());
        for again in [false, true] {
            let tree = index::tree(self, close, covered, again)?;
            let path = tree.path(merchant);
            let root = tree.root();
            if root.0.iter().map(|byte| format!("{byte:02x}")).collect::<String>() == seal.root.as_str()
                && path.leads_to(root, merchant, content)
            {
                return Ok((own, path));
            }
        }
        refused(format!(
            "the lines of {merchant} are not those that were sealed by the close of {} at position {}: `daybook verify` says more",
            close.period, close.position
        ))
    }
}

/// The seal of a close as the books give it again.
pub(crate) fn derived(models: &ReadModels, close: &Period) -> Result<StatementSeal, ReadModelError> {
    let calendar = models.calendar()?;
    let covered =
        Covered::by(close, calendar).map_err(|error| ReadModelError::BadQuestion(error.to_string()))?;
    seal(models, (covered.from, covered.until), covered.through, None)
}

/// What a seal holds of a merchant with these chapters; none where nothing is owed and nothing was moved.
fn leaf(merchant: &str, chapters: &[Chapter]) -> Option<MerchantLeaf> {
    let records: Vec<_> = chapters.iter().map(Chapter::record).collect();
    (!records.is_empty()).then(|| MerchantLeaf { merchant: merchant.to_owned(), records })
}
