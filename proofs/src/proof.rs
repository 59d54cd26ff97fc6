//! Proofs as files, and what they prove.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tlog_tiles::{Hash, check_record, check_tree};

use crate::{Checkpoint, Entry, ProofError, PublicKey, SignedBy};

const RECORD: &str = "c2sp.org/tlog-proof@v1";
const CONSISTENCY: &str = "daybook/consistency@v1";
/// More hashes than a path has in a tree of 2^64 leaves.
const MOST_HASHES: usize = 130;

/// That an event stands in a market's log.
#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    /// The event as it was logged: [`Entry::decode`] reads it.
    pub entry: Vec<u8>,
    /// Its index in the tree: one less than its position.
    pub index: u64,
    /// The hashes from it to the root.
    pub path: Vec<Hash>,
    /// The checkpoint that has the root.
    pub checkpoint: Checkpoint,
}

impl Proof {
    /// The proof as text: C2SP tlog-proof, with the event as its extra data.
    #[must_use]
    pub fn to_text(&self) -> String {
        let extra = BASE64_STANDARD.encode(&self.entry);
        let path: String = self.path.iter().map(|hash| format!("{hash}\n")).collect();
        format!("{RECORD}\nextra {extra}\nindex {}\n{path}\n{}", self.index, self.checkpoint.note)
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`ProofError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        let bad = |why: &str| ProofError::malformed("the proof", why);
        let rest = text.strip_prefix(RECORD).and_then(|rest| rest.strip_prefix('\n'));
        let (head, note) = split(rest.ok_or_else(|| bad("it does not begin as a proof of an event does"))?)?;
        let mut lines = head.split('\n');
        let extra = lines.next().and_then(|line| line.strip_prefix("extra "));
        let extra = extra.ok_or_else(|| bad("its second line is not the event"))?;
        let entry = BASE64_STANDARD.decode(extra).map_err(|_| bad("its event is not base64"))?;
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index.ok_or_else(|| bad("its third line is not the index"))?;
        let number = index.parse::<u64>().ok().filter(|number| number.to_string() == index);
        let index = number.ok_or_else(|| bad("its index is no number"))?;
        let path = hashes(lines)?;
        Ok(Self { entry, index, path, checkpoint: Checkpoint::parse(note.as_bytes())? })
    }

    /// Whether the path leads from the event to the root of the checkpoint; nothing is said of who signed that.
    ///
    /// # Errors
    /// [`ProofError::Broken`] where it does not, or the event is of another position than the index says.
    pub(crate) fn holds(&self) -> Result<(), ProofError> {
        let entry = Entry::decode(&self.entry)?;
        if entry.position.checked_sub(1) != Some(self.index) {
            let why = format!("the event says position {}, the proof index {}", entry.position, self.index);
            return Err(ProofError::broken(why));
        }
        let (size, root) = (self.checkpoint.size, self.checkpoint.root);
        check_record(&self.path, size, root, self.index, crate::entry::leaf(&self.entry)).map_err(|_| {
            let why = format!("the event is not at position {} of the log that was signed", entry.position);
            ProofError::broken(why)
        })
    }

    /// Whether the event stands in the log that was signed: the event, and by whom.
    ///
    /// # Errors
    /// [`ProofError::Broken`].
    pub fn verify(&self, keys: &[PublicKey]) -> Result<(Entry<'_>, SignedBy), ProofError> {
        let by = self.checkpoint.verify(keys)?;
        self.holds()?;
        Ok((Entry::decode(&self.entry)?, by))
    }
}

/// That a checkpoint only adds to an older one.
#[derive(Clone, Debug, PartialEq)]
pub struct Consistency {
    /// The older.
    pub old: Checkpoint,
    /// The newer.
    pub new: Checkpoint,
    /// The hashes between.
    pub path: Vec<Hash>,
}

impl Consistency {
    /// The proof as text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let old = BASE64_STANDARD.encode(&self.old.note);
        let path: String = self.path.iter().map(|hash| format!("{hash}\n")).collect();
        format!("{CONSISTENCY}\nold {old}\n{path}\n{}", self.new.note)
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`ProofError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        let bad = |why: &str| ProofError::malformed("the proof", why);
        let rest = text.strip_prefix(CONSISTENCY).and_then(|rest| rest.strip_prefix('\n'));
        let (head, note) =
            split(rest.ok_or_else(|| bad("it does not begin as a proof of consistency does"))?)?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = old.and_then(|old| BASE64_STANDARD.decode(old).ok());
        let old = Checkpoint::parse(&old.ok_or_else(|| bad("its second line is not the older checkpoint"))?)?;
        Ok(Self { old, path: hashes(lines)?, new: Checkpoint::parse(note.as_bytes())? })
    }

    pub(crate) fn holds(&self) -> Result<(), ProofError> {
        let (old, new) = (&self.old, &self.new);
        if old.origin != new.origin {
            let why = format!("{:?} and {:?} are two logs", old.origin, new.origin);
            return Err(ProofError::broken(why));
        }
        let adds = match old.size {
            0 => self.path.is_empty(),
            size => size <= new.size && check_tree(&self.path, new.size, new.root, size, old.root).is_ok(),
        };
        if adds {
            return Ok(());
        }
        let why = format!(
            "the checkpoint of {} events does not only add to that of {}: one of the events before was changed",
            new.size, old.size
        );
        Err(ProofError::broken(why))
    }

    /// Whether the newer only adds to the older, both signed: by whom.
    ///
    /// # Errors
    /// [`ProofError::Broken`].
    pub fn verify(&self, keys: &[PublicKey]) -> Result<(SignedBy, SignedBy), ProofError> {
        let by = (self.old.verify(keys)?, self.new.verify(keys)?);
        self.holds()?;
        Ok(by)
    }
}

/// What stands before the first empty line, and the note behind it.
fn split(text: &str) -> Result<(&str, &str), ProofError> {
    text.split_once("\n\n").ok_or_else(|| ProofError::malformed("the proof", "no checkpoint stands in it"))
}

pub(crate) fn hashes<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Vec<Hash>, ProofError> {
    let mut all = Vec::new();
    for line in lines {
        let hash = Hash::parse_hash(line);
        all.push(hash.map_err(|_| ProofError::malformed("the proof", "a line of it is no hash"))?);
        if all.len() > MOST_HASHES {
            return Err(ProofError::malformed("the proof", "it has more hashes than any tree is high"));
        }
    }
    Ok(all)
}
