//! The event that says what is owed in all.

use serde::Deserialize;
use tlog_tiles::Hash;

use super::{Sum, read};
use crate::statement::{hex, is_currency};
use crate::time::LEEWAY;
use crate::{Checkpoint, Proof, ProofError, PublicKey, SignedBy};

/// The last microsecond of the year 9999: what can be written as a time.
const LATEST: i64 = 253_402_300_799_999_999;

/// Most events that may come between the last that a sum counts and the one that states it: it is drawn up and stated at once.
pub const MOST_BETWEEN: u64 = 100_000;

/// What is owed in all in a currency, as an event says it.
#[derive(Clone, Debug, PartialEq)]
pub struct StatedSum {
    /// ISO 4217 code.
    pub currency: String,
    /// Decimals of the currency.
    pub digits: u32,
    /// Leaves of the tree.
    pub leaves: u64,
    /// Its root.
    pub root: Sum,
}

/// What a market stated to owe, by an event of its signed log: the same for everybody.
#[derive(Clone, Debug)]
pub struct Stated {
    /// Position of the event.
    pub position: u64,
    /// When it was stated, microseconds since 1970, UTC: when that happened or was recorded, the earlier of both. A later checkpoint has
    /// it too: it does not make it newer.
    pub stated_at: i64,
    /// What is owed by the events through here.
    pub through: u64,
    /// By currency.
    pub sums: Vec<StatedSum>,
    /// The checkpoint that has the event.
    pub checkpoint: Checkpoint,
    /// Who signed that.
    pub by: SignedBy,
}

#[derive(Deserialize)]
struct Event {
    through: u64,
    sums: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    sum: Money,
    leaves: u64,
    root: String,
}

#[derive(Deserialize)]
struct Money {
    amount: String,
    currency: String,
}

impl One {
    fn read(self) -> Option<StatedSum> {
        let Self { sum: Money { amount, currency }, leaves, root } = self;
        let ((owed, digits), hash): (_, Hash) = (read(&amount)?, hex(&root)?);
        (is_currency(&currency) && leaves > 0).then_some(())?;
        Some(StatedSum { currency, digits, leaves, root: Sum { owed, hash } })
    }
}

impl Stated {
    /// Reads the proof of an event (C2SP tlog-proof) that says what is owed, and whether it stands in a log that these keys signed.
    ///
    /// # Errors
    /// [`ProofError`] says what it is not, or what does not hold.
    pub fn verify(text: &str, keys: &[PublicKey]) -> Result<Self, ProofError> {
        if text.len() > super::MOST_SUM {
            return Err(ProofError::malformed("the sum", "it is longer than any proof of a sum"));
        }
        let proof = Proof::parse(text)?;
        if proof.to_text() != text {
            return Err(ProofError::malformed("the sum", "it is not as it is written"));
        }
        let (entry, by) = proof.verify(keys)?;
        proof.checkpoint.signed_by_these_alone(keys)?;
        if entry.kind != "LiabilitiesStated" || !entry.stream.starts_with("books-") {
            let why = format!("{} in {} does not say what is owed", entry.kind, entry.stream);
            return Err(ProofError::broken(why));
        }
        let Event { through, sums } = entry.says()?;
        let read: Option<Vec<StatedSum>> = sums.into_iter().map(One::read).collect();
        let ordered = |sums: &[StatedSum]| sums.windows(2).all(|two| two[0].currency < two[1].currency);
        let sums = read.filter(|sums| ordered(sums));
        let sums =
            sums.ok_or_else(|| ProofError::broken("a sum of it is none, or a currency comes twice"))?;
        if through >= entry.position {
            return Err(ProofError::broken("it says what is owed by events that came after it"));
        }
        if entry.position - through > MOST_BETWEEN + 1 {
            let why = format!(
                "it counts events through {through} and was stated at {}: it was not drawn up then",
                entry.position
            );
            return Err(ProofError::broken(why));
        }
        let times = [entry.occurred_at, entry.recorded_at];
        if times.iter().any(|time| !(0..=LATEST).contains(time)) {
            return Err(ProofError::broken("it was stated at no time of this calendar"));
        }
        let signed_at = proof.checkpoint.signed_at();
        let signed_at =
            signed_at.ok_or_else(|| ProofError::broken("its checkpoint does not say when it was signed"))?;
        if times.iter().any(|time| *time > signed_at.saturating_add(LEEWAY)) {
            return Err(ProofError::broken("it was stated after its checkpoint was signed"));
        }
        let (position, stated_at) = (entry.position, entry.occurred_at.min(entry.recorded_at));
        Ok(Self { position, stated_at, through, sums, checkpoint: proof.checkpoint, by })
    }
}
