//! The log in its folder: it grows with the journal, and checkpoints of it are signed.

use std::fs::File;
use std::path::Path;

use signed_note::{Note, Signer, Verifier, VerifierList};
use tlog_tiles::{Hash, TileHashReader, check_tree, prove_record, prove_tree};

use crate::files::{Files, tile_name};
use crate::keys::witnessed;
use crate::tree::{Full, TILE, Tree};
use crate::{Consistency, Entry, MarketKey, Proof, ProofError, PublicKey, SignedBy};

/// Most things found wrong that are told one by one.
const MOST_FOUND: usize = 100;

/// What a market signs: the size of its log, and the root of the tree over it.
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

impl Checkpoint {
    /// Reads a signed note. Nothing is known then of its signatures: [`verify`](Self::verify).
    ///
    /// # Errors
    /// [`ProofError::Malformed`].
    pub fn parse(note: &[u8]) -> Result<Self, ProofError> {
        let bad = |why: &str| ProofError::malformed("the checkpoint", why);
        let read = Note::from_bytes(note).map_err(|_| bad("it is no signed note"))?;
        let text = std::str::from_utf8(read.text()).map_err(|_| bad("it is not UTF-8"))?;
        let mut lines = text.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(bad("it has not the lines origin, size and root"));
        };
        let lines: Vec<String> = lines.map(str::to_owned).collect();
        let number = size.parse::<u64>().ok().filter(|number| number.to_string() == size);
        let size = number.ok_or_else(|| bad("its second line is no size"))?;
        let root = Hash::parse_hash(root).map_err(|_| bad("its third line is no root"))?;
        if origin.is_empty() || lines.iter().any(String::is_empty) {
            return Err(bad("a line of it is empty"));
        }
        let note = String::from_utf8(read.to_bytes()).map_err(|_| bad("it is not UTF-8"))?;
        Ok(Self { origin: origin.to_owned(), size, root, lines, note })
    }

    /// Who signed it, of those whose keys are given: at least one key of the market it names.
    ///
    /// # Errors
    /// [`ProofError::Broken`] where none did, or a signature by one of the keys does not hold.
    pub fn verify(&self, keys: &[PublicKey]) -> Result<SignedBy, ProofError> {
        let broken =
            |why: String| ProofError::broken(format!("the checkpoint of {} events {why}", self.size));
        let note = Note::from_bytes(self.note.as_bytes())
            .map_err(|_| ProofError::malformed("the checkpoint", "it is no signed note"))?;
        let mut distinct: Vec<&PublicKey> = Vec::new();
        for key in keys {
            if !distinct.contains(&key) {
                distinct.push(key);
            }
        }
        let known = distinct.iter().map(|key| Box::new((*key).clone()) as Box<dyn Verifier>).collect();
        let (signatures, _) = note
            .verify(&VerifierList::new(known))
            .map_err(|error| broken(format!("is not signed by a key that was given: {error}")))?;
        let mut by = SignedBy::default();
        for signature in &signatures {
            let key =
                distinct.iter().find(|key| key.name() == signature.name() && key.key_id() == signature.id());
            match key {
                Some(key) if key.is_witness() => {
                    let seen = witnessed(signature.signature()).map_or(0, |(time, _)| time);
                    by.witnesses.push((key.name().to_owned(), seen));
                }
                Some(key) if key.name() == self.origin => by.market.push(key.name().to_owned()),
                _ => {}
            }
        }
        if by.market.is_empty() {
            return Err(broken(format!("is of {:?}, and no key of that name signed it", self.origin)));
        }
        Ok(by)
    }

    /// The same checkpoint with the signatures of another copy of it that the keys hold good.
    ///
    /// # Errors
    /// [`ProofError::Broken`] where the copy is of another text, or not signed by any of the keys.
    pub fn cosigned(&self, copy: &[u8], keys: &[PublicKey]) -> Result<Self, ProofError> {
        let copy_of = Self::parse(copy)?;
        let text = |note: &str| note.rsplit_once("\n\n").map(|(text, _)| text.to_owned());
        if text(&copy_of.note) != text(&self.note) {
            let why = format!("that note is of another checkpoint, of {} events", copy_of.size);
            return Err(ProofError::broken(why));
        }
        let note = Note::from_bytes(copy)
            .map_err(|_| ProofError::malformed("the checkpoint", "it is no signed note"))?;
        let known = keys.iter().map(|key| Box::new(key.clone()) as Box<dyn Verifier>).collect();
        let (signatures, _) = note
            .verify(&VerifierList::new(known))
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

/// A log in a folder.
#[derive(Debug)]
pub struct Log {
    files: Files,
    tree: Tree,
    /// Up to which size the files stand.
    saved: u64,
    buffer: Vec<u8>,
    /// Held while it is written.
    lock: Option<File>,
}

impl Log {
    /// Opens it to let it grow; makes the folder where there is none.
    ///
    /// # Errors
    /// [`ProofError`]; where its tiles do not stand as they were saved, with the cure.
    pub fn open(folder: &Path) -> Result<Self, ProofError> {
        let files = Files::new(folder);
        let lock = Some(files.lock()?);
        let tree = saved(&files)?;
        Ok(Self { saved: tree.size(), files, tree, buffer: Vec::new(), lock })
    }

    /// Opens it to read, beside who writes.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn read(folder: &Path) -> Result<Self, ProofError> {
        let files = Files::new(folder);
        let tree = saved(&files)?;
        Ok(Self { saved: tree.size(), files, tree, buffer: Vec::new(), lock: None })
    }

    /// How many events it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Adds the journal's next event. In the files only with the next [`save`](Self::save).
    ///
    /// # Errors
    /// [`ProofError::Broken`] where it is not the next one, [`ProofError::File`].
    pub fn append(&mut self, entry: &Entry<'_>) -> Result<(), ProofError> {
        let next = self.tree.size() + 1;
        if entry.position != next {
            let why = format!("the log goes on at position {next}, and the journal at {}", entry.position);
            return Err(ProofError::broken(why));
        }
        entry.encode_into(&mut self.buffer);
        let (files, mut failed) = (&self.files, None);
        self.tree.push(crate::entry::leaf(&self.buffer), |Full { level, number, hashes }| {
            if failed.is_none() {
                failed = files.write_tile(level, number, &hashes).err();
            }
        });
        failed.map_or(Ok(()), Err)
    }

    /// Makes what was added stand in the files.
    ///
    /// # Errors
    /// [`ProofError::File`].
    pub fn save(&mut self) -> Result<(), ProofError> {
        if self.lock.is_none() || self.saved == self.tree.size() {
            return Ok(());
        }
        for (level, number, hashes) in self.tree.partial() {
            self.files.write_tile(level, number, hashes)?;
        }
        let state = format!("{}\n{}\n", self.tree.size(), self.tree.root());
        self.files.write("state", state.as_bytes())?;
        self.drop_narrower()?;
        self.saved = self.tree.size();
        Ok(())
    }

    /// Removes the partial tiles of the state before, which have grown.
    fn drop_narrower(&self) -> Result<(), ProofError> {
        let (mut old, mut new, mut level) = (self.saved, self.tree.size(), 0u8);
        while old > 0 {
            let (number, width) = (old / TILE as u64, usize::try_from(old % TILE as u64).unwrap_or(0));
            if width > 0 && old != new {
                self.files.remove(&tile_name(level, number, width))?;
            }
            (old, new, level) = (number, new / TILE as u64, level + 1);
        }
        Ok(())
    }

    /// Signs what it has, with further lines; where nothing came since, gives the checkpoint there is.
    ///
    /// # Errors
    /// [`ProofError::Broken`] where it does not go on from the last checkpoint: then events that were signed are not those of
    /// the journal, and nothing is signed.
    pub fn checkpoint(&mut self, keys: &[MarketKey], lines: &[String]) -> Result<Checkpoint, ProofError> {
        let Some(first) = keys.first() else {
            return Err(ProofError::malformed("the key", "none was given to sign with"));
        };
        self.save()?;
        let size = self.size();
        let root = self.tree.root();
        if let Some(last) = self.newest()? {
            let public: Vec<PublicKey> =
                keys.iter().filter_map(|key| PublicKey::parse(key.public()).ok()).collect();
            if last.size == size && last.root == root && last.verify(&public).is_ok() {
                return Ok(last);
            }
            self.goes_on_from(&last)?;
        }
        let mut text = format!("{}\n{size}\n{root}\n", first.name());
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        let mut note = Note::new(text.as_bytes(), &[])
            .map_err(|error| ProofError::malformed("the checkpoint", error))?;
        let signers: Vec<&dyn Signer> = keys.iter().map(MarketKey::signer).collect();
        note.add_sigs(&signers).map_err(|error| ProofError::malformed("the key", error))?;
        let checkpoint = Checkpoint::parse(&note.to_bytes())?;
        self.keep(&checkpoint)?;
        Ok(checkpoint)
    }

    /// Keeps a checkpoint of this log.
    ///
    /// # Errors
    /// [`ProofError::File`].
    pub fn keep(&self, checkpoint: &Checkpoint) -> Result<(), ProofError> {
        let newest = self.newest()?.is_none_or(|newest| newest.size <= checkpoint.size);
        self.files.write(&format!("checkpoints/{}", checkpoint.size), checkpoint.note.as_bytes())?;
        if newest {
            self.files.write("checkpoint", checkpoint.note.as_bytes())?;
        }
        Ok(())
    }

    fn goes_on_from(&self, last: &Checkpoint) -> Result<(), ProofError> {
        let not = || {
            let why = format!(
                "the journal is not the one of which {} events were signed: nothing is signed; `daybook log verify` says \
                 where they part",
                last.size
            );
            ProofError::broken(why)
        };
        if last.size > self.size() {
            return Err(not());
        }
        if last.size == 0 {
            return Ok(());
        }
        let root = self.tree.root();
        let reader = TileHashReader::new(self.size(), root, &self.files);
        let proof =
            prove_tree(self.size(), last.size, &reader).map_err(|error| damaged(&self.files, &error))?;
        check_tree(&proof, self.size(), root, last.size, last.root).map_err(|_| not())
    }

    /// The newest checkpoint, if any was signed.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn newest(&self) -> Result<Option<Checkpoint>, ProofError> {
        self.files.read("checkpoint")?.map(|note| Checkpoint::parse(&note)).transpose()
    }

    /// The sizes of all checkpoints that were signed, from the smallest.
    ///
    /// # Errors
    /// [`ProofError::File`].
    pub fn checkpoints(&self) -> Result<Vec<u64>, ProofError> {
        self.files.checkpoints()
    }

    /// The checkpoint of a size.
    ///
    /// # Errors
    /// [`ProofError`]; `Broken` where none was signed of that size.
    pub fn of_size(&self, size: u64) -> Result<Checkpoint, ProofError> {
        let note = self.files.read(&format!("checkpoints/{size}"))?;
        let none = || ProofError::broken(format!("no checkpoint was signed of {size} events"));
        Checkpoint::parse(&note.ok_or_else(none)?)
    }

    /// A proof that an event stands in the log, under a checkpoint.
    ///
    /// # Errors
    /// [`ProofError`] where the checkpoint does not reach it, or the tiles are damaged.
    pub fn prove(&self, entry: &Entry<'_>, under: &Checkpoint) -> Result<Proof, ProofError> {
        let index = entry.position.saturating_sub(1);
        if entry.position == 0 || index >= under.size {
            let why = format!("position {} is not among the {} events signed", entry.position, under.size);
            return Err(ProofError::broken(why));
        }
        let reader = TileHashReader::new(under.size, under.root, &self.files);
        let path = prove_record(under.size, index, &reader).map_err(|error| damaged(&self.files, &error))?;
        let proof = Proof { entry: entry.encode(), index, path, checkpoint: under.clone() };
        // of an event that is not the one that was logged there is no proof
        proof.holds()?;
        Ok(proof)
    }

    /// A proof that one checkpoint only adds to another.
    ///
    /// # Errors
    /// As [`prove`](Self::prove).
    pub fn consistency(&self, old: &Checkpoint, new: &Checkpoint) -> Result<Consistency, ProofError> {
        if old.size > new.size {
            let why = format!("{} events are more than {}: name the older first", old.size, new.size);
            return Err(ProofError::broken(why));
        }
        let path = if old.size == 0 {
            Vec::new()
        } else {
            let reader = TileHashReader::new(new.size, new.root, &self.files);
            prove_tree(new.size, old.size, &reader).map_err(|error| damaged(&self.files, &error))?
        };
        let proof = Consistency { old: old.clone(), new: new.clone(), path };
        proof.holds()?;
        Ok(proof)
    }

    /// Begins to count the log again from the journal.
    ///
    /// # Errors
    /// [`ProofError::File`].
    pub fn recount(self, keys: Vec<PublicKey>) -> Result<Recount, ProofError> {
        let checkpoints = self.files.checkpoints()?;
        Ok(Recount {
            next: 0,
            checkpoints,
            keys,
            log: self,
            tree: Tree::default(),
            buffer: Vec::new(),
            logged: Vec::new(),
            found: Vec::new(),
            more: 0,
        })
    }
}

/// Counts a log again from the events of its journal, and tells what is not as it was logged and signed.
#[derive(Debug)]
pub struct Recount {
    log: Log,
    tree: Tree,
    buffer: Vec<u8>,
    /// The logged hashes of the tile of leaves in hand.
    logged: Vec<Hash>,
    /// The checkpoints' sizes, and which comes next.
    checkpoints: Vec<u64>,
    next: usize,
    keys: Vec<PublicKey>,
    found: Vec<String>,
    more: u64,
}

impl Recount {
    /// Takes the journal's next event.
    ///
    /// # Errors
    /// [`ProofError::File`].
    pub fn take(&mut self, entry: &Entry<'_>) -> Result<(), ProofError> {
        self.at_checkpoint()?;
        let index = self.tree.size();
        if entry.position != index + 1 {
            self.find(format!("position {} is missing: position {} follows", index + 1, entry.position));
        }
        entry.encode_into(&mut self.buffer);
        let leaf = crate::entry::leaf(&self.buffer);
        let at = usize::try_from(index % TILE as u64).unwrap_or(0);
        if at == 0 {
            self.logged = self.leaves(index / TILE as u64)?;
        }
        if index < self.log.size() && self.logged.get(at).is_some_and(|logged| *logged != leaf) {
            self.find(format!(
                "the event at position {} ({} {}, {}) is not the one that was logged",
                entry.position, entry.stream, entry.version, entry.kind
            ));
        }
        let mut full = Vec::new();
        self.tree.push(leaf, |tile| full.push(tile));
        for Full { level, number, hashes } in full {
            let end = (number + 1) << (8 * (u32::from(level) + 1));
            if end <= self.log.size() {
                self.compare(level, number, &hashes)?;
            }
        }
        Ok(())
    }

    /// The end of the journal: what was found wrong, and how many checkpoints stood.
    ///
    /// # Errors
    /// [`ProofError::File`].
    pub fn finish(mut self) -> Result<(Vec<String>, u64), ProofError> {
        self.at_checkpoint()?;
        let size = self.tree.size();
        let signed = self.checkpoints.last().copied().unwrap_or(0).max(self.log.size());
        if size < signed {
            self.find(format!(
                "the journal ends at position {size}, and {signed} events were logged: its tail is gone"
            ));
        } else if size == self.log.size() {
            let partial: Vec<_> = self.tree.partial().map(|(l, n, hashes)| (l, n, hashes.to_vec())).collect();
            for (level, number, hashes) in partial {
                self.compare(level, number, &hashes)?;
            }
        }
        let held = self.next as u64;
        if self.more > 0 {
            self.found.push(format!("and {} more", self.more));
        }
        Ok((self.found, held))
    }

    /// Compares every checkpoint of the size that the tree has come to.
    fn at_checkpoint(&mut self) -> Result<(), ProofError> {
        while self.checkpoints.get(self.next).is_some_and(|size| *size == self.tree.size()) {
            let size = self.checkpoints[self.next];
            self.next += 1;
            match self.log.of_size(size) {
                Ok(checkpoint) if checkpoint.size != size => {
                    self.find(format!("checkpoints/{size} is of {} events", checkpoint.size));
                }
                Ok(checkpoint) => {
                    if checkpoint.root != self.tree.root() {
                        self.find(format!("the first {size} events are not those that were signed"));
                    }
                    if !self.keys.is_empty()
                        && let Err(error) = checkpoint.verify(&self.keys)
                    {
                        self.find(error.to_string());
                    }
                }
                Err(error @ ProofError::File { .. }) => return Err(error),
                Err(error) => self.find(format!("checkpoints/{size}: {error}")),
            }
        }
        Ok(())
    }

    /// The logged leaves of a tile, as many as there are.
    fn leaves(&mut self, number: u64) -> Result<Vec<Hash>, ProofError> {
        let from = number * TILE as u64;
        let Some(width @ 1..) = self.log.size().checked_sub(from).map(|left| left.min(TILE as u64)) else {
            return Ok(Vec::new());
        };
        self.tile(0, number, usize::try_from(width).unwrap_or(TILE))
    }

    fn tile(&mut self, level: u8, number: u64, width: usize) -> Result<Vec<Hash>, ProofError> {
        match self.log.files.tile(level, number, width) {
            Ok(Some(hashes)) => Ok(hashes),
            Ok(None) => {
                self.find(format!("{} is missing", tile_name(level, number, width)));
                Ok(Vec::new())
            }
            Err(error @ ProofError::File { .. }) => Err(error),
            Err(error) => {
                self.find(error.to_string());
                Ok(Vec::new())
            }
        }
    }

    fn compare(&mut self, level: u8, number: u64, hashes: &[Hash]) -> Result<(), ProofError> {
        // leaves were compared one by one
        if level > 0 {
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

/// The tree as it was saved.
fn saved(files: &Files) -> Result<Tree, ProofError> {
    let Some(state) = files.read("state")? else { return Ok(Tree::default()) };
    let state = String::from_utf8_lossy(&state);
    let mut lines = state.lines();
    let size = lines.next().and_then(|size| size.parse().ok());
    let root = lines.next().and_then(|root| Hash::parse_hash(root).ok());
    let (Some(size), Some(root)) = (size, root) else {
        return Err(damaged(files, &"state is not a size and a root"));
    };
    let tree = Tree::load(size, |level, number, width| {
        let tile = files.tile(level, number, width).map_err(|error| damaged(files, &error))?;
        tile.ok_or_else(|| damaged(files, &format_args!("{} is missing", tile_name(level, number, width))))
    })?;
    if tree.root() == root {
        Ok(tree)
    } else {
        Err(damaged(files, &"the tiles do not give the root of state"))
    }
}

/// Tiles that cannot be used, and what to do about it.
fn damaged(files: &Files, why: &dyn std::fmt::Display) -> ProofError {
    let folder = files.folder().display();
    ProofError::broken(format!(
        "the tiles in {folder} are damaged ({why}): remove {folder}/tile and {folder}/state, and the log is made again from \
         the journal; what was signed stays in {folder}/checkpoints and is held against it"
    ))
}
