//! What a leaf of the tree says: an event with everything that the journal holds of it.

use serde::de::DeserializeOwned;
use tlog_tiles::{Hash, record_hash};

use crate::{ProofError, strict};

/// How a leaf begins; a later layout begins otherwise.
const HEAD: &[u8] = b"daybook event 1\n";

/// An event as it is logged. Texts are as they were stored, byte for byte; times in microseconds since 1970, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Position in the journal, from 1: one more than its index in the tree.
    pub position: u64,
    /// Its stream.
    pub stream: &'a str,
    /// Its version in the stream, from 1.
    pub version: u64,
    /// Its id.
    pub id: [u8; 16],
    /// Its type.
    pub kind: &'a str,
    /// The version of the type's layout.
    pub schema: u16,
    /// When it happened.
    pub occurred_at: i64,
    /// When the journal took it.
    pub recorded_at: i64,
    /// The command behind it.
    pub command: [u8; 16],
    /// That command's fingerprint.
    pub fingerprint: [u8; 16],
    /// What it belongs to.
    pub correlation: [u8; 16],
    /// Who acted.
    pub actor: &'a str,
    /// References, JSON.
    pub refs: &'a str,
    /// The payload, JSON.
    pub data: &'a str,
}

impl<'a> Entry<'a> {
    /// The leaf's bytes, into a buffer that is emptied first: numbers big-endian, texts behind their length (32 bits), in the
    /// order of the fields. The layout never changes.
    pub fn encode_into(&self, bytes: &mut Vec<u8>) {
        fn text(bytes: &mut Vec<u8>, text: &str) {
            let length = u32::try_from(text.len()).expect("invariant: an event is far below 4 GiB");
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes.clear();
        bytes.extend_from_slice(HEAD);
        bytes.extend_from_slice(&self.position.to_be_bytes());
        text(bytes, self.stream);
        bytes.extend_from_slice(&self.version.to_be_bytes());
        bytes.extend_from_slice(&self.id);
        text(bytes, self.kind);
        bytes.extend_from_slice(&self.schema.to_be_bytes());
        bytes.extend_from_slice(&self.occurred_at.to_be_bytes());
        bytes.extend_from_slice(&self.recorded_at.to_be_bytes());
        bytes.extend_from_slice(&self.command);
        bytes.extend_from_slice(&self.fingerprint);
        bytes.extend_from_slice(&self.correlation);
        text(bytes, self.actor);
        text(bytes, self.refs);
        text(bytes, self.data);
    }

    /// The leaf's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.encode_into(&mut bytes);
        bytes
    }

    /// What the payload says, where it can be read in one way only: each name once, whole numbers, not nested without end.
    ///
    /// # Errors
    /// [`ProofError::Broken`] for a payload that two readers could take for two things, or that is something else.
    pub fn says<T: DeserializeOwned>(&self) -> Result<T, ProofError> {
        strict::read(self.data)
    }

    /// Reads a leaf's bytes.
    ///
    /// # Errors
    /// [`ProofError::Malformed`] for anything but what [`encode`](Self::encode) gives.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, ProofError> {
        let rest = bytes.strip_prefix(HEAD).ok_or_else(|| {
            ProofError::malformed("the logged event", "it does not begin as events are logged")
        })?;
        let mut from = Bytes(rest);
        let entry = Self {
            position: u64::from_be_bytes(from.take()?),
            stream: from.text()?,
            version: u64::from_be_bytes(from.take()?),
            id: from.take()?,
            kind: from.text()?,
            schema: u16::from_be_bytes(from.take()?),
            occurred_at: i64::from_be_bytes(from.take()?),
            recorded_at: i64::from_be_bytes(from.take()?),
            command: from.take()?,
            fingerprint: from.take()?,
            correlation: from.take()?,
            actor: from.text()?,
            refs: from.text()?,
            data: from.text()?,
        };
        if from.0.is_empty() {
            Ok(entry)
        } else {
            Err(ProofError::malformed("the logged event", "something stands behind its end"))
        }
    }
}

/// The hash of a leaf.
pub(crate) fn leaf(bytes: &[u8]) -> Hash {
    record_hash(bytes)
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn slice(&mut self, length: usize) -> Result<&'a [u8], ProofError> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or_else(|| ProofError::malformed("the logged event", "it ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], ProofError> {
        let mut array = [0; N];
        array.copy_from_slice(self.slice(N)?);
        Ok(array)
    }

    fn text(&mut self) -> Result<&'a str, ProofError> {
        let length = u32::from_be_bytes(self.take()?) as usize;
        std::str::from_utf8(self.slice(length)?)
            .map_err(|error| ProofError::malformed("the logged event", error))
    }
}
