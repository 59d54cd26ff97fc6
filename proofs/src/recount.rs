//! The log counted again from the events of its journal.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use tlog_tiles::Hash;

use crate::files::{Files, tile_name};
use crate::log::saved;
use crate::statement::{CLOSED, NONE_CLOSED, closed_line};
use crate::tree::{Full, TILE, Tree};
use crate::{Checkpoint, Entry, ProofError, PublicKey};

/// Most events and tiles found wrong that are told one by one.
const MOST_FOUND: usize = 100;

/// Counts a log again, and tells what is not as it was logged and signed.
#[derive(Debug)]
pub struct Recount {
    files: Files,
    /// Up to where the tiles stand, and their root.
    logged: (u64, Hash),
    tree: Tree,
    buffer: Vec<u8>,
    /// The logged hashes of a tile of leaves, and which.
    leaves: (Option<u64>, Vec<Hash>),
    /// The checkpoints' sizes, and which comes next.
    checkpoints: Vec<u64>,
    next: usize,
    keys: Vec<PublicKey>,
    /// By stream of books, the closes in force: month and position.
    closes: BTreeMap<String, Vec<(String, u64)>>,
    /// The position that should come next.
    expected: u64,
    found: Vec<String>,
    more: u64,
    /// What was found of checkpoints: each is told.
    of_checkpoints: Vec<String>,
}

impl Recount {
    /// Begins; signatures are checked where keys are given.
    ///
    /// # Errors
    /// [`ProofError::File`].
    pub fn of(folder: &Path, keys: Vec<PublicKey>) -> Result<Self, ProofError> {
        let files = Files::new(folder);
        let mut of_checkpoints = Vec::new();
        let tree = match saved(&files) {
            Err(error @ (ProofError::Damaged(_) | ProofError::Malformed { .. })) => {
                of_checkpoints.push(error.to_string());
                Tree::default()
            }
            tree => tree?,
        };
        let checkpoints = files.checkpoints()?;
        let newest = files.read("checkpoint")?;
        let kept = checkpoints.last().map(|size| files.read(&format!("checkpoints/{size}"))).transpose()?;
        if newest != kept.flatten() {
            of_checkpoints.push("the file checkpoint is not the last one of checkpoints/".to_owned());
        }
        Ok(Self {
            files,
            logged: (tree.size(), tree.root()),
            tree: Tree::default(),
            buffer: Vec::new(),
            leaves: (None, Vec::new()),
            checkpoints,
            next: 0,
            keys,
            closes: BTreeMap::new(),
            expected: 1,
            found: Vec::new(),
            more: 0,
            of_checkpoints,
        })
    }

    /// How many events were logged.
    #[must_use]
    pub fn logged(&self) -> u64 {
        self.logged.0
    }

    /// Takes the journal's next event.
    ///
    /// # Errors
    /// [`ProofError::File`].
    pub fn take(&mut self, entry: &Entry<'_>) -> Result<(), ProofError> {
        self.at_checkpoint()?;
        if entry.position != self.expected {
            let (from, to) = (self.expected, entry.position);
            self.find(format!("position {from} is missing: position {to} follows"));
        }
        self.expected = entry.position + 1;
        entry.encode_into(&mut self.buffer);
        let leaf = crate::entry::leaf(&self.buffer);
        if self.logged_leaf(entry.position)?.is_some_and(|logged| logged != leaf) {
            self.find(format!(
                "the event at position {} ({} {}, {}) is not the one that was logged",
                entry.position, entry.stream, entry.version, entry.kind
            ));
        }
        let mut full = Vec::new();
        self.tree.push(leaf, |tile| full.push(tile));
        // where a position is missing, no tile is what it was
        if self.tree.size() == entry.position {
            for Full { level, number, hashes } in full {
                self.compare(level, number, &hashes)?;
            }
        }
        if entry.stream.starts_with("books-") {
            self.closed(entry);
        }
        Ok(())
    }

    /// Takes in what an event says of closes of the books.
    fn closed(&mut self, entry: &Entry<'_>) {
        #[derive(Deserialize)]
        struct Said {
            period: String,
        }
        let closes = self.closes.entry(entry.stream.to_owned()).or_default();
        if !matches!(entry.kind, "PeriodClosed" | "PeriodReopened") {
            return;
        }
        match (entry.says::<Said>(), entry.kind) {
            (Ok(Said { period }), "PeriodClosed") => closes.push((period, entry.position)),
            (Ok(Said { period }), _) => {
                if let Some(last) = closes.iter().rposition(|(of, _)| *of == period) {
                    closes.remove(last);
                }
            }
            (Err(error), _) => {
                self.find(format!("the event at position {}, {}: {error}", entry.position, entry.kind));
            }
        }
    }

    /// What is wrong with what a checkpoint says of the last close in force; one that says nothing is of before one was.
    fn misnamed(&self, checkpoint: &Checkpoint) -> Option<String> {
        let mut last: Vec<String> = self
            .closes
            .values()
            .map(|closes| {
                closes.last().map_or_else(|| NONE_CLOSED.to_owned(), |(of, at)| closed_line(of, *at))
            })
            .collect();
        if last.is_empty() {
            last.push(NONE_CLOSED.to_owned());
        }
        let said: Vec<&String> = checkpoint.lines.iter().filter(|line| line.starts_with(CLOSED)).collect();
        let fits = match said[..] {
            [] => last.iter().any(|line| line == NONE_CLOSED),
            [one] => last.contains(one),
            _ => false,
        };
        let said = said.iter().map(|line| line.as_str()).collect::<Vec<_>>().join(", ");
        (!fits)
            .then(|| format!("of the books it says {said:?}, by the journal it is {:?}", last.join(" or ")))
    }

    /// The end of the journal: what was found wrong, and how many checkpoints were compared.
    ///
    /// # Errors
    /// [`ProofError::File`].
    pub fn finish(mut self) -> Result<(Vec<String>, u64), ProofError> {
        self.at_checkpoint()?;
        let size = self.tree.size();
        let signed = self.checkpoints.last().copied().unwrap_or(0).max(self.logged.0);
        if size < signed {
            self.of_checkpoints
                .push(format!("the journal has {size} events, and {signed} were logged: its tail is gone"));
        }
        if self.more > 0 {
            self.found.push(format!("and {} more", self.more));
        }
        self.found.extend(self.of_checkpoints);
        Ok((self.found, self.next as u64))
    }

    /// Compares every checkpoint of the size that the tree has come to, and the tiles' own state.
    fn at_checkpoint(&mut self) -> Result<(), ProofError> {
        let (size, root) = (
            self.tree.size(),
            self.tree
                .root_at_need(|size| size == self.logged.0 || self.checkpoints.get(self.next) == Some(&size)),
        );
        let Some(root) = root else { return Ok(()) };
        if self.logged == (size, root) {
            let partial: Vec<_> = self.tree.partial().map(|(l, n, hashes)| (l, n, hashes.to_vec())).collect();
            for (level, number, hashes) in partial {
                self.compare(level, number, &hashes)?;
            }
        } else if self.logged.0 == size && size > 0 {
            self.of_checkpoints.push(format!("the first {size} events are not those that were logged"));
        }
        while self.checkpoints.get(self.next) == Some(&size) {
            self.next += 1;
            let told =
                match self.files.read(&format!("checkpoints/{size}"))?.map(|note| Checkpoint::parse(&note)) {
                    None => Some("it is gone".to_owned()),
                    Some(Err(error)) => Some(error.to_string()),
                    Some(Ok(checkpoint)) if checkpoint.size != size => {
                        Some(format!("it is of {} events", checkpoint.size))
                    }
                    Some(Ok(checkpoint)) if checkpoint.root != root => {
                        Some(format!("the first {size} events are not those that were signed"))
                    }
                    Some(Ok(checkpoint)) => self.misnamed(&checkpoint).or_else(|| {
                        let asked = !self.keys.is_empty();
                        asked.then(|| checkpoint.verify(&self.keys).err())?.map(|error| error.to_string())
                    }),
                };
            self.of_checkpoints.extend(told.map(|told| format!("checkpoints/{size}: {told}")));
        }
        Ok(())
    }

    /// The logged hash of the leaf at a position.
    fn logged_leaf(&mut self, position: u64) -> Result<Option<Hash>, ProofError> {
        if position == 0 || position > self.logged.0 {
            return Ok(None);
        }
        let (number, at) = ((position - 1) / TILE as u64, (position - 1) % TILE as u64);
        if self.leaves.0 != Some(number) {
            let width = (self.logged.0 - number * TILE as u64).min(TILE as u64);
            let hashes = self.tile(0, number, usize::try_from(width).unwrap_or(TILE))?;
            self.leaves = (Some(number), hashes);
        }
        Ok(usize::try_from(at).ok().and_then(|at| self.leaves.1.get(at)).copied())
    }

    fn tile(&mut self, level: u8, number: u64, width: usize) -> Result<Vec<Hash>, ProofError> {
        let name = tile_name(level, number, width);
        match self.files.tile_or_full(level, number, width) {
            Ok(Some(hashes)) => return Ok(hashes),
            Ok(None) => self.find(format!("{name} is missing")),
            Err(error @ ProofError::File { .. }) => return Err(error),
            Err(error) => self.find(error.to_string()),
        }
        Ok(Vec::new())
    }

    /// Compares a tile with what its events give; leaves are compared one by one.
    fn compare(&mut self, level: u8, number: u64, hashes: &[Hash]) -> Result<(), ProofError> {
        let end = ((number << 8) + hashes.len() as u64) << (8 * u32::from(level));
        if level > 0 && end <= self.logged.0 {
            let there = self.tile(level, number, hashes.len())?;
            if !there.is_empty() && there != hashes {
                self.find(format!("{} is not what its events give", tile_name(level, number, hashes.len())));
            }
        }
        Ok(())
    }

    fn find(&mut self, what: String) {
        if self.found.len() < MOST_FOUND {
            self.found.push(what);
        } else {
            self.more += 1;
        }
    }
}
