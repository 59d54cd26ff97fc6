//! What a market signs.

use signed_note::{Note, Signer, Verifier, VerifierList};
use tlog_tiles::{EMPTY_HASH, Hash};

use crate::keys::witnessed;
use crate::{MarketKey, ProofError, PublicKey, SignedBy};

/// More events than any log has; what names more is refused before anything is reckoned with it.
const MOST_EVENTS: u64 = 1 << 62;

/// The size of a market's log and the root of the tree over it, signed.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Whose log, by the name of its key.
    pub origin: String,
    /// How many events.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// Further lines that are signed with it, such as its time.
    pub lines: Vec<String>,
    /// All of it as text, with its signatures: a signed note.
    pub note: String,
}

/// The verifiers of some keys, each once.
fn verifiers(keys: &[PublicKey]) -> (Vec<&PublicKey>, VerifierList) {
    let mut distinct: Vec<&PublicKey> = Vec::new();
    for key in keys {
        if !distinct.contains(&key) {
            distinct.push(key);
        }
    }
    let boxed = distinct.iter().map(|key| Box::new((*key).clone()) as Box<dyn Verifier>).collect();
    (distinct, VerifierList::new(boxed))
}

fn note_of(bytes: &[u8]) -> Result<Note, ProofError> {
    Note::from_bytes(bytes).map_err(|_| ProofError::malformed("the checkpoint", "it is no signed note"))
}

impl Checkpoint {
    /// Reads a signed note. Nothing is known then of its signatures: [`verify`](Self::verify).
    ///
    /// # Errors
    /// [`ProofError::Malformed`].
    pub fn parse(note: &[u8]) -> Result<Self, ProofError> {
        let bad = |why: &str| ProofError::malformed("the checkpoint", why);
        let read = note_of(note)?;
        let text = std::str::from_utf8(read.text()).map_err(|_| bad("it is not UTF-8"))?;
        let mut lines = text.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(bad("it has not the lines origin, size and root"));
        };
        let lines: Vec<String> = lines.map(str::to_owned).collect();
        let number = size.parse::<u64>().ok().filter(|n| n.to_string() == size && *n <= MOST_EVENTS);
        let size = number.ok_or_else(|| bad("its second line is no size of a log"))?;
        let root = Hash::parse_hash(root).map_err(|_| bad("its third line is no root"))?;
        if size == 0 && root != EMPTY_HASH {
            return Err(bad("of no events it has the root of some"));
        }
        if origin.is_empty() || lines.iter().any(String::is_empty) {
            return Err(bad("a line of it is empty"));
        }
        let note = String::from_utf8(read.to_bytes()).map_err(|_| bad("it is not UTF-8"))?;
        Ok(Self { origin: origin.to_owned(), size, root, lines, note })
    }

    /// Signs.
    pub(crate) fn sign(
        size: u64,
        root: Hash,
        lines: &[String],
        keys: &[MarketKey],
    ) -> Result<Self, ProofError> {
        let mut text = format!("{}\n{size}\n{root}\n", keys[0].name());
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        let note = Note::new(text.as_bytes(), &[])
            .map_err(|error| ProofError::malformed("the checkpoint", error))?;
        Self::add(note, keys)
    }

    /// The same text with the signatures of those keys that have not signed it.
    pub(crate) fn signed_too(&self, keys: &[MarketKey]) -> Result<Self, ProofError> {
        let missing = |key: &&MarketKey| {
            PublicKey::parse(key.public()).is_ok_and(|public| self.verify(&[public]).is_err())
        };
        let missing: Vec<MarketKey> = keys.iter().filter(missing).cloned().collect();
        if missing.is_empty() {
            Ok(self.clone())
        } else {
            Self::add(note_of(self.note.as_bytes())?, &missing)
        }
    }

    fn add(mut note: Note, keys: &[MarketKey]) -> Result<Self, ProofError> {
        let signers: Vec<&dyn Signer> = keys.iter().map(MarketKey::signer).collect();
        note.add_sigs(&signers).map_err(|error| ProofError::malformed("the key", error))?;
        Self::parse(&note.to_bytes())
    }

    /// When it was signed, by its line `time`, microseconds since 1970; none where it says none, or more than one.
    #[must_use]
    pub fn signed_at(&self) -> Option<i64> {
        let mut said = self.lines.iter().filter_map(|line| line.strip_prefix("time "));
        let (first, second) = (said.next()?, said.next());
        second.map_or_else(|| crate::time::micros(first), |_| None)
    }

    /// What is signed: all but the signatures.
    #[must_use]
    pub fn text(&self) -> &str {
        self.note.rsplit_once("\n\n").map_or("", |(text, _)| text)
    }

    /// Who signed it: at least one of the market's keys that are given, and every witness whose key is given.
    ///
    /// # Errors
    /// [`ProofError::Broken`] where that is not so, or a signature by one of the keys does not hold.
    pub fn verify(&self, keys: &[PublicKey]) -> Result<SignedBy, ProofError> {
        let broken =
            |why: String| ProofError::broken(format!("the checkpoint of {} events {why}", self.size));
        let (distinct, known) = verifiers(keys);
        let (signatures, _) = note_of(self.note.as_bytes())?
            .verify(&known)
            .map_err(|error| broken(format!("is not signed by a key that was given: {error}")))?;
        let mut by = SignedBy::default();
        for key in distinct {
            let theirs = |of: &&signed_note::Signature| of.name() == key.name() && of.id() == key.key_id();
            let signature = signatures.iter().find(theirs);
            match (key.is_witness(), signature) {
                (true, Some(signature)) => {
                    let seen = witnessed(signature.signature()).map_or(0, |(time, _)| time);
                    by.witnesses.push((key.name().to_owned(), seen));
                }
                (true, None) => return Err(broken(format!("is not signed by the witness {}", key.name()))),
                (false, Some(_)) if key.name() == self.origin && !by.market.contains(&self.origin) => {
                    by.market.push(self.origin.clone());
                }
                (false, _) => {}
            }
        }
        if by.market.is_empty() {
            return Err(broken(format!("is of {:?}, and no key of that name signed it", self.origin)));
        }
        Ok(by)
    }

    /// Whether it has no signature but those that the keys check: what nobody checks could be changed unseen.
    pub(crate) fn signed_by_these_alone(&self, keys: &[PublicKey]) -> Result<(), ProofError> {
        let lines = self.checked(keys)?;
        if format!("{}\n\n{lines}", self.text()) == self.note {
            return Ok(());
        }
        let why = "the checkpoint has signatures that none of the keys checks: name their keys too";
        Err(ProofError::broken(why))
    }

    /// The same checkpoint without the signatures of witnesses, which only those can check who have their keys.
    #[must_use]
    pub fn of_market_alone(&self) -> Self {
        let (text, signatures) = self.note.rsplit_once("\n\n").unwrap_or((&self.note, ""));
        let own = format!("\u{2014} {} ", self.origin);
        let kept: String = signatures
            .lines()
            .filter(|line| line.starts_with(&own))
            .map(|line| format!("{line}\n"))
            .collect();
        Self { note: format!("{text}\n\n{kept}"), ..self.clone() }
    }

    /// The same checkpoint with the signatures of these keys alone, the market's and witnesses'; where none is named, with all of the
    /// market's own.
    ///
    /// # Errors
    /// [`ProofError::Broken`] where none of the market's keys is among them, or a witness has not signed it.
    pub fn signed_by(&self, keys: &[PublicKey]) -> Result<Self, ProofError> {
        if keys.is_empty() {
            return Ok(self.of_market_alone());
        }
        self.verify(keys)?;
        Ok(Self { note: format!("{}\n\n{}", self.text(), self.checked(keys)?), ..self.clone() })
    }

    /// The lines of the signatures that the keys check.
    fn checked(&self, keys: &[PublicKey]) -> Result<String, ProofError> {
        let note = note_of(self.note.as_bytes())?;
        let found = note.verify(&verifiers(keys).1);
        let (checked, _) = found.map_err(|error| ProofError::broken(format!("the checkpoint: {error}")))?;
        let line =
            |signature: &signed_note::Signature| String::from_utf8_lossy(&signature.to_bytes()).into_owned();
        Ok(checked.iter().map(line).collect())
    }

    /// The same checkpoint with the signatures of another copy of it that the keys hold good.
    ///
    /// # Errors
    /// [`ProofError::Broken`] where the copy is of another text, or not signed by any of the keys.
    pub fn cosigned(&self, copy: &[u8], keys: &[PublicKey]) -> Result<Self, ProofError> {
        let copy = Self::parse(copy)?;
        if copy.text() != self.text() {
            let why = format!("that note is of another checkpoint, of {} events", copy.size);
            return Err(ProofError::broken(why));
        }
        let (signatures, _) = note_of(copy.note.as_bytes())?
            .verify(&verifiers(keys).1)
            .map_err(|error| ProofError::broken(format!("that note adds no signature: {error}")))?;
        let mut whole = self.note.clone();
        for signature in signatures {
            let line = String::from_utf8_lossy(&signature.to_bytes()).into_owned();
            if !whole.contains(&line) {
                whole.push_str(&line);
            }
        }
        Self::parse(whole.as_bytes())
    }
}
