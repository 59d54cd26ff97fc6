//! The files of a statement, as they are written and read.

use tlog_tiles::Hash;

use super::chapter::{is_month, number};
use super::{Chapter, Files, MerchantLeaf};
use crate::keyed::{KeyedPath, Place};
use crate::proof::hashes;
use crate::{Proof, ProofError};

/// The head's name.
pub(super) const HEAD: &str = "statement.txt";
const HEAD_LINE: &str = "daybook statement 2";
const NO_LINES: &str = "daybook nothing 2";

/// What a statement is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub merchant: String,
    pub from: String,
    pub through: String,
}

impl Head {
    pub fn to_text(&self) -> String {
        let Self { merchant, from, through } = self;
        format!("{HEAD_LINE}\nmerchant {merchant}\nfrom {from}\nthrough {through}\n")
    }

    pub fn parse(text: &str) -> Result<Self, ProofError> {
        let bad = || ProofError::malformed("statement.txt", "it does not say merchant, from and through");
        let mut lines = text.lines().skip(1);
        let mut field = |name: &str| Some(lines.next()?.strip_prefix(name)?.to_owned());
        let (merchant, from, through) = (field("merchant "), field("from "), field("through "));
        let (Some(merchant), Some(from), Some(through)) = (merchant, from, through) else {
            return Err(bad());
        };
        let head = Self { merchant, from, through };
        let months = is_month(&head.from) && is_month(&head.through) && head.from <= head.through;
        if months && head.to_text() == text { Ok(head) } else { Err(bad()) }
    }
}

/// What a seal has of a merchant, or that it has nothing, and the way to its root.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Member {
    pub leaf: Option<MerchantLeaf>,
    pub path: KeyedPath,
}

impl Member {
    pub fn to_text(&self) -> String {
        let head = match (&self.leaf, self.path.place) {
            (Some(leaf), _) => leaf.to_text(),
            (None, Place::Other { key, content }) => format!("{NO_LINES}\nin its place {key} {content}\n"),
            (None, _) => format!("{NO_LINES}\n"),
        };
        let path: String = self.path.beside.iter().map(|hash| format!("{hash}\n")).collect();
        format!("{head}\n{path}")
    }

    pub fn parse(name: &str, text: &str) -> Result<Self, ProofError> {
        let bad = |why: &str| ProofError::Broken(format!("{name}: {why}"));
        let (head, path) = text.split_once("\n\n").ok_or_else(|| bad("its two parts do not stand in it"))?;
        let beside = hashes(path.lines()).map_err(|_| bad("its path is no list of hashes"))?;
        let member = if let Some(rest) = head.strip_prefix(NO_LINES) {
            let hash = |text: Option<&str>| text.and_then(|text| Hash::parse_hash(text).ok());
            let place = match rest.strip_prefix("\nin its place ").map(|two| two.split(' ')) {
                None => Place::Empty,
                Some(mut two) => {
                    let (key, content) = (hash(two.next()), hash(two.next()));
                    let two = key.zip(content).ok_or_else(|| bad("what stands in its place is no leaf"))?;
                    Place::Other { key: two.0, content: two.1 }
                }
            };
            Self { leaf: None, path: KeyedPath { place, beside } }
        } else {
            let leaf = MerchantLeaf::parse(&format!("{head}\n")).map_err(|error| bad(&error.to_string()))?;
            Self { leaf: Some(leaf), path: KeyedPath { place: Place::Own, beside } }
        };
        if member.to_text() == text { Ok(member) } else { Err(bad("it is not as it is written")) }
    }
}

/// The name of the file that shows a close in the log.
pub(super) fn close_name(position: u64) -> String {
    format!("seals/{position}.proof")
}

/// The name of the file that shows what a close sealed of the merchant.
pub(super) fn member_name(position: u64) -> String {
    format!("seals/{position}.merchant")
}

/// The position that a file of a close is named by.
pub(super) fn close_of(name: &str) -> Option<u64> {
    name.strip_prefix("seals/")?.strip_suffix(".proof").and_then(number)
}

/// Puts the files of a statement together.
#[derive(Clone, Debug, Default)]
pub struct StatementFiles(Files);

impl StatementFiles {
    /// Begins a statement of a merchant over months (`2018-01`), both of them in it.
    #[must_use]
    pub fn of(merchant: &str, from: &str, through: &str) -> Self {
        let [merchant, from, through] = [merchant, from, through].map(str::to_owned);
        let head = Head { merchant, from, through };
        Self(Files::from([(HEAD.to_owned(), head.to_text().into_bytes())]))
    }

    /// Adds a close of the books, by the proof of its event.
    pub fn close(&mut self, proof: &Proof) {
        self.0.insert(close_name(proof.index + 1), proof.to_text().into_bytes());
    }

    /// Adds what the close at a position sealed of the merchant: its leaf or none, and the way to it.
    pub fn sealed(&mut self, position: u64, leaf: Option<MerchantLeaf>, path: KeyedPath) {
        let member = Member { leaf, path };
        self.0.insert(member_name(position), member.to_text().into_bytes());
    }

    /// Adds lines, where there are any.
    pub fn chapter(&mut self, chapter: &Chapter) {
        if chapter.lines.is_empty() {
            return;
        }
        self.0.insert(chapter.file_name(), chapter.to_text().into_bytes());
    }

    /// The files.
    #[must_use]
    pub fn finish(self) -> Files {
        self.0
    }
}
