//! What a backup says of itself.

use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::Path;

use daybook_domain::Timestamp;
use daybook_journal::{Filter, Journal, Position, Recorded};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::signed::Checkpoints;
use super::{BackupError, JOURNAL};

/// The shape of the manifest.
const FORMAT: u32 = 1;

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: u32,
    /// Which version made it.
    pub daybook: String,
    /// When.
    pub made_at: Timestamp,
    /// What its journal holds.
    pub events: Events,
    /// Its files, the journal last.
    pub parts: Vec<Part>,
    /// The checkpoints that were signed of its log, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoints: Option<Checkpoints>,
    /// SHA-256 of the file with the secret that blinds who is owed, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liabilities_secret: Option<String>,
}

/// The events of a journal up to a position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// How many; where positions are dense also the position of the last.
    pub count: Position,
    /// SHA-256 over all that the journal says of each.
    pub digest: String,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// What it is: `journal`, or the word of one of the market's own files. Its name is this with `.db`.
    pub word: String,
    /// Its length.
    pub bytes: u64,
    /// Of its bytes.
    pub sha256: String,
}

/// What may be a word: it becomes part of a file's name.
pub(super) fn is_word(word: &str) -> bool {
    !word.is_empty()
        && word.len() <= 32
        && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-' || b == b'_')
}

impl Manifest {
    pub(super) fn new(
        made_at: Timestamp,
        events: Events,
        parts: Vec<Part>,
        checkpoints: Option<Checkpoints>,
        liabilities_secret: Option<String>,
    ) -> Self {
        let daybook = env!("CARGO_PKG_VERSION").to_owned();
        Self { format: FORMAT, daybook, made_at, events, parts, checkpoints, liabilities_secret }
    }

    pub(super) fn to_text(&self) -> String {
        serde_json::to_string_pretty(self).expect("invariant: a manifest is plain data") + "\n"
    }

    pub(super) fn from_text(text: &str) -> Result<Self, String> {
        let manifest: Self = serde_json::from_str(text).map_err(|error| format!("its manifest: {error}"))?;
        if manifest.format != FORMAT {
            return Err(format!("its manifest has format {}, this program knows {FORMAT}", manifest.format));
        }
        if manifest.parts.last().is_none_or(|part| part.word != JOURNAL) {
            return Err("its manifest does not end with the journal".to_owned());
        }
        match manifest.parts.iter().find(|part| !is_word(&part.word)) {
            Some(part) => Err(format!("its manifest names a part {:?}", part.word)),
            None => Ok(manifest),
        }
    }
}

impl Events {
    /// Reads the events up to a position.
    ///
    /// # Errors
    /// [`BackupError::Damaged`] where its positions are dense and one is missing.
    pub(super) fn of(journal: &dyn Journal, upto: Position) -> Result<Self, BackupError> {
        Self::first(journal, upto, Position::MAX)
    }

    /// As [`of`](Self::of), no more than so many. An event goes into the digest with its number, which is its position where these are dense.
    pub(super) fn first(journal: &dyn Journal, upto: Position, most: Position) -> Result<Self, BackupError> {
        let (mut count, mut hash, mut gap) = (0, Sha256::new(), None);
        let dense = journal.dense();
        journal.scan(0, Some(upto), &Filter::default(), &mut |event| {
            if count == most {
                return ControlFlow::Break(());
            }
            if dense && event.position != count + 1 {
                gap = Some(event.position);
                return ControlFlow::Break(());
            }
            count += 1;
            add(&mut hash, count, &event);
            ControlFlow::Continue(())
        })?;
        let missing = gap.map(|found| format!("event {} is followed by {found}", count));
        let all = upto.min(most);
        let short = (dense && count != all).then(|| format!("the events end at {count}, not at {all}"));
        if let Some(why) = missing.or(short) {
            return Err(BackupError::Damaged(why));
        }
        Ok(Self { count, digest: hex(&hash.finalize()) })
    }
}

/// Everything that the journal says of an event, and its number; texts with their length before them.
fn add(hash: &mut Sha256, number: Position, event: &Recorded<'_>) {
    let Recorded { stream, version, id, kind, schema, occurred_at, recorded_at, .. } = event;
    for number in [number, *version, u64::from(*schema)] {
        hash.update(number.to_be_bytes());
    }
    for time in [*occurred_at, *recorded_at] {
        hash.update(time.to_be_bytes());
    }
    for bytes in [id.as_bytes(), event.command.as_bytes(), &event.fingerprint, event.correlation.as_bytes()] {
        hash.update(bytes);
    }
    for text in [*stream, *kind, event.actor, event.refs, event.data] {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
}

/// Length and SHA-256 of a file.
pub(super) fn sum_of(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut length = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((length, hex(&hash.finalize())));
        }
        length += read as u64;
        hash.update(&buffer[..read]);
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
