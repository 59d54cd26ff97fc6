//! Taking a statement file: read it, lay it beside the books, record what came of it.
//!
//! The file's digest makes it one import: taken again it says so. What the books say is folded from the journal up to a
//! position that is written down with the import, and the matching is deterministic; so an import that was
//! interrupted comes to the same results and goes on where it stopped.

mod gather;
mod prepare;
mod results;
mod sides;

use daybook_commands::CommandError;
use daybook_domain::provider::Provider;
use daybook_domain::provider::commands::{MAX_RESULTS, ProviderCommand};
use daybook_domain::provider::events::{BreakKind, MatchReason};
use daybook_domain::{DecodeError, Money, PartyId, ProviderId, Reference, Timestamp};
use daybook_journal::JournalError;
use daybook_reconciliation::{Format, Side, StatementError, matching, read};
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{AnyCommand, AnyRequest, Market, MarketError};

pub use sides::ThreeSides;

/// Names the commands of an import: uuid5 of (this, provider, digest and number).
const NAMESPACE: Uuid = Uuid::from_u128(0x6461_7962_6f6f_6b2d_7265_636f_6e00_0001);

/// A statement file and how it is to be taken.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// The payment provider, or the bank account of the market.
    pub provider: ProviderId,
    /// The file as it is.
    pub bytes: &'a [u8],
    /// What it is; found out by content where it is not said.
    pub format: Option<Format>,
    /// How far apart in time a line and an entry may lie, in microseconds.
    pub window: i64,
    /// Who takes it.
    pub actor: PartyId,
}

/// Why a file was not taken. Nothing was changed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ReconcileError {
    /// What is wrong with the file, and where.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The books know no such provider or bank account.
    #[error("the books know no {side} {name:?}: they know {known}")]
    UnknownPlace {
        /// provider or bank, as the file's writer is one.
        side: Side,
        /// The name.
        name: String,
        /// Those there are.
        known: String,
    },
    /// The lines are those of another provider or bank.
    #[error("{lines} of its {of} lines are in the books at {place}: reconcile it with {place}")]
    OtherPlace {
        /// Lines that are of the other.
        lines: usize,
        /// Lines of the file.
        of: usize,
        /// The other.
        place: String,
    },
    /// The market.
    #[error(transparent)]
    Market(#[from] MarketError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A stored event.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl From<CommandError> for ReconcileError {
    fn from(error: CommandError) -> Self {
        Self::Market(error.into())
    }
}

/// Matches of one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ByReason {
    /// Why they match.
    pub reason: MatchReason,
    /// Matches.
    pub matches: usize,
    /// Lines in them.
    pub lines: usize,
    /// Entries of the books in them.
    pub entries: usize,
}

/// A break as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FoundBreak {
    /// Its name.
    pub name: Reference,
    /// What sort of disagreement.
    pub kind: BreakKind,
    /// What is at stake.
    pub amount: Money,
    /// When the money moved.
    pub since: Timestamp,
    /// First line of the file.
    pub line: Option<u64>,
    /// The writer's reference, or that of the books.
    pub reference: String,
    /// Stream of the books' entry.
    pub stream: Option<String>,
    /// In words.
    pub detail: String,
}

/// What a file came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The provider or bank account.
    pub provider: ProviderId,
    /// SHA-256 of the file, hex.
    pub digest: Reference,
    /// What it is.
    pub format: Format,
    /// The account as the writer names it.
    pub account: String,
    /// Where its period begins.
    pub from: Timestamp,
    /// Where it ends, not part of it.
    pub to: Timestamp,
    /// Lines of the file.
    pub lines: usize,
    /// Head of the journal that they were laid beside.
    pub through: u64,
    /// Matches by reason.
    pub matches: Vec<ByReason>,
    /// Breaks found.
    pub breaks: Vec<FoundBreak>,
    /// Breaks of earlier files that this one resolved.
    pub arrived: Vec<Reference>,
    /// Entries that a later statement may still bring.
    pub waiting: usize,
    /// Lines and entries of a bank that no sum of a few was looked for: too many others lie near in time.
    pub untried: usize,
    /// What the provider paid out: books, provider and bank beside each other.
    pub payouts: Vec<ThreeSides>,
}

/// Whether a file was taken now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was, and came to this.
    Now(Box<Report>),
    /// It had been before: nothing was written.
    Before {
        /// SHA-256 of the file, hex.
        digest: Reference,
        /// Matches, breaks and resolutions that it came to.
        results: u64,
    },
}

impl Market {
    /// Takes a statement file.
    ///
    /// # Errors
    /// [`ReconcileError`]; a file that is refused changes nothing.
    pub async fn reconcile(&self, ask: &Ask<'_>) -> Result<Taken, ReconcileError> {
        let digest = digest(ask.bytes);
        let (state, version) = self.commands.state::<Provider>(ask.provider)?;
        let resumed = match state.progress(digest) {
            Some((recorded, results)) if recorded == results => return Ok(Taken::Before { digest, results }),
            progress => progress.is_some(),
        };
        let parsed = read(ask.bytes, ask.format)?;
        let statement = prepare::one_statement(&parsed)?;
        let gathered = gather::gather(&**self.journal(), ask, digest, parsed.format)?;
        let window = gathered.resumed_window.unwrap_or(ask.window);
        let input = prepare::Prepared::new(&gathered, &parsed, &statement)?;
        let outcome = matching::reconcile(&input.input(&gathered, &parsed, window));
        results::of_this_place(&input, &gathered, &outcome)?;
        let came = results::results(digest, parsed.format.side(), &input, &gathered, &outcome);
        let head = results::imported(digest, &parsed, &statement, &input, &came, &gathered, window);
        self.begin().await?;
        if !resumed {
            let mut request = self.request(ask, digest, "import", ProviderCommand::Import(head));
            // what was matched before is part of what this rests on
            request.expected_version = Some(version);
            request.execute(&self.commands).await?;
        }
        for (n, chunk) in came.results.chunks(MAX_RESULTS).enumerate() {
            let after = (n * MAX_RESULTS) as u64;
            let command = ProviderCommand::Record { digest, after, results: chunk.to_vec() };
            self.request(ask, digest, &n.to_string(), command).execute(&self.commands).await?;
        }
        Ok(Taken::Now(Box::new(results::report(
            ask, digest, &parsed, &statement, &input, came, &gathered, &outcome,
        ))))
    }

    fn request(&self, ask: &Ask<'_>, digest: Reference, part: &str, command: ProviderCommand) -> AnyRequest {
        let name = format!("{}/{digest}/{part}", ask.provider);
        let id = Uuid::new_v5(&NAMESPACE, name.as_bytes());
        AnyRequest::new(AnyCommand::Provider { id: ask.provider, command }, id, ask.actor)
    }
}

/// SHA-256 in hex: 64 letters, as long as a reference may be.
fn digest(bytes: &[u8]) -> Reference {
    let hex: String = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
    Reference::new(&hex).expect("invariant: 64 hexadecimal letters are a reference")
}
