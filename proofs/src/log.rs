//! The log in its folder: it grows with the journal, and checkpoints of it are signed.

use std::path::Path;

use tlog_tiles::{
    EMPTY_HASH, Hash, HashReader as _, TileHashReader, prove_record, prove_tree, stored_hash_index, tree_hash,
};

use crate::files::{Files, Lock, tile_name};
use crate::tree::{Full, TILE, Tree, became_full};
use crate::{Checkpoint, Consistency, Entry, MarketKey, Proof, ProofError, PublicKey};

/// Full tiles that are held at most before they are written and synced: 8 MB, a quarter of a million events.
const MOST_PENDING: usize = 1_024;
/// How often a log is read again that changed while it was read.
const TRIES: usize = 5;
/// More events than any log has.
const MOST_EVENTS: u64 = 1 << 62;

/// A log in a folder.
#[derive(Debug)]
pub struct Log {
    files: Files,
    tree: Tree,
    /// Up to which size the files stand.
    saved: u64,
    /// Tiles that are full and not known to last: a write or a sync that failed is tried again with all of them, as nobody knows what
    /// of it the disk has.
    pending: Vec<Full>,
    buffer: Vec<u8>,
    /// Of one that is read: the newest checkpoint, from before the tree was read, so that the tree reaches it.
    newest: Option<Checkpoint>,
    /// Held while it is written.
    lock: Option<Lock>,
}

impl Log {
    /// Opens it to let it grow; makes the folder where there is none, and begins again where the tiles at its edge are damaged: what
    /// was signed is held against what the journal gives then. The others are read where they are needed: [`begin_again`](Self::begin_again).
    ///
    /// # Errors
    /// [`ProofError::Busy`] while another writes it, [`ProofError::File`].
    pub fn open(folder: &Path) -> Result<Self, ProofError> {
        let files = Files::new(folder);
        let lock = Some(files.lock()?);
        let tree = match saved(&files) {
            Err(ProofError::Damaged(_) | ProofError::Malformed { .. }) => {
                begin_again(&files)?;
                Tree::default()
            }
            tree => tree?,
        };
        let saved = tree.size();
        Ok(Self { files, tree, saved, pending: Vec::new(), buffer: Vec::new(), newest: None, lock })
    }

    /// Opens it to read, beside who writes.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn read(folder: &Path) -> Result<Self, ProofError> {
        let files = Files::new(folder);
        let newest = last(&files)?;
        let tree = saved(&files)?;
        let saved = tree.size();
        Ok(Self { files, tree, saved, pending: Vec::new(), buffer: Vec::new(), newest, lock: None })
    }

    /// Forgets the tree, which comes again from the journal, event by event, and is held against every checkpoint as it passes their sizes.
    ///
    /// # Errors
    /// [`ProofError::File`], [`ProofError::Broken`] of one that was opened to read it.
    pub fn begin_again(&mut self) -> Result<(), ProofError> {
        self.must_write()?;
        begin_again(&self.files)?;
        (self.tree, self.saved) = (Tree::default(), 0);
        self.pending.clear();
        Ok(())
    }

    /// How many events it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Whether this is the last event that was logged, byte for byte.
    ///
    /// # Errors
    /// [`ProofError`] where that cannot be read: of a tile that is missing nobody knows what was logged.
    pub fn ends_with(&self, entry: &Entry<'_>) -> Result<bool, ProofError> {
        let size = self.tree.size();
        let last = match self.tree.last() {
            Some(leaf) => Some(leaf),
            None if size == 0 => None,
            None => {
                let number = size / TILE as u64 - 1;
                let held = self.pending.iter().find(|tile| tile.level == 0 && tile.number == number);
                match held {
                    Some(tile) => tile.hashes.last().copied(),
                    // held against the root: a tile that was damaged says nothing of what was logged
                    None if self.saved == size => {
                        let leaf = self.reader().read_hashes(&[stored_hash_index(0, size - 1)]);
                        leaf.map_err(ProofError::damaged)?.first().copied()
                    }
                    None => {
                        let there = self.files.tile(0, number, TILE)?;
                        there.ok_or_else(|| missing(0, number, TILE))?.last().copied()
                    }
                }
            }
        };
        Ok(entry.position == size && last == Some(crate::entry::leaf(&entry.encode())))
    }

    /// Adds the journal's next event. In the files only with the next [`save`](Self::save).
    ///
    /// # Errors
    /// [`ProofError::Broken`] where it is not the next one, [`ProofError::File`]; it was not added then.
    pub fn append(&mut self, entry: &Entry<'_>) -> Result<(), ProofError> {
        let next = self.tree.size() + 1;
        if entry.position != next {
            let why = format!("the log goes on at position {next}, and the journal at {}", entry.position);
            return Err(ProofError::broken(why));
        }
        if self.pending.len() >= MOST_PENDING {
            self.settle(&[])?;
        }
        entry.encode_into(&mut self.buffer);
        let pending = &mut self.pending;
        self.tree.push(crate::entry::leaf(&self.buffer), |tile| pending.push(tile));
        Ok(())
    }

    /// Writes the tiles that became full, and others, and makes all of them last.
    fn settle(&mut self, others: &[(u8, u64, Vec<Hash>)]) -> Result<(), ProofError> {
        let full = self.pending.iter().map(|Full { level, number, hashes }| (level, number, hashes));
        let others = others.iter().map(|(level, number, hashes)| (level, number, hashes));
        for (level, number, hashes) in full.chain(others) {
            self.files.write_tile(*level, *number, hashes)?;
        }
        if let Some(lock) = &self.lock {
            self.files.settle(lock)?;
        }
        self.pending.clear();
        Ok(())
    }

    /// Makes what was added stand in the files, where it goes on from every checkpoint that it passed: of a tree that was made again there
    /// may be some.
    ///
    /// # Errors
    /// [`ProofError::File`], [`ProofError::Broken`]; the files stand as they stood before then.
    pub fn save(&mut self) -> Result<(), ProofError> {
        self.must_write()?;
        let (saved, size) = (self.saved, self.tree.size());
        if saved == size {
            return Ok(());
        }
        let partial: Vec<_> = self.tree.partial().map(|(l, n, hashes)| (l, n, hashes.to_vec())).collect();
        self.settle(&partial)?;
        for passed in self.files.checkpoints()?.into_iter().filter(|at| saved < *at && *at <= size) {
            self.goes_on_from(&self.of_size(passed)?)?;
        }
        let state = format!("{}\n{}\n", self.tree.size(), self.tree.root());
        self.files.write("state", state.as_bytes())?;
        self.saved = size;
        for (level, number) in became_full(saved, size) {
            self.files.remove_partial(level, number)?;
        }
        Ok(())
    }

    fn must_write(&self) -> Result<(), ProofError> {
        if self.lock.is_some() { Ok(()) } else { Err(ProofError::broken("this log was opened to read it")) }
    }

    /// Signs what it has, with further lines; where nothing came since the last checkpoint, that is what it gives, with
    /// the signatures of those keys that had not signed it.
    ///
    /// # Errors
    /// [`ProofError::Broken`] where it does not go on from every checkpoint there is, or none of the keys signed the last one:
    /// nothing is signed then.
    pub fn checkpoint(&mut self, keys: &[MarketKey], lines: &[String]) -> Result<Checkpoint, ProofError> {
        let Some(first) = keys.first() else {
            return Err(ProofError::malformed("the key", "none was given to sign with"));
        };
        if let Some(other) = keys.iter().find(|key| key.name() != first.name()) {
            let why = format!("{:?} and {:?} are two names: a log has one", first.name(), other.name());
            return Err(ProofError::malformed("the key", why));
        }
        self.save()?;
        let (size, root) = (self.size(), self.tree.root());
        let last = last(&self.files)?;
        if let Some(last) = &last {
            let theirs = |key: &MarketKey| {
                PublicKey::parse(key.public()).is_ok_and(|public| last.verify(&[public]).is_ok())
            };
            if !keys.iter().any(theirs) {
                let why = format!(
                    "the last checkpoint, of {} events of {:?}, is not signed by this key: sign with that one, and once with \
                     both to go over to another",
                    last.size, last.origin
                );
                return Err(ProofError::broken(why));
            }
            self.goes_on_from(last)?;
        }
        let checkpoint = match last {
            Some(last) if last.size == size => last.signed_too(keys)?,
            _ => Checkpoint::sign(size, root, lines, keys)?,
        };
        self.keep(&checkpoint)?;
        Ok(checkpoint)
    }

    /// Keeps a checkpoint of this log.
    ///
    /// # Errors
    /// [`ProofError::Broken`] where another one was signed of the same size, [`ProofError::File`].
    pub fn keep(&self, checkpoint: &Checkpoint) -> Result<(), ProofError> {
        self.must_write()?;
        let name = format!("checkpoints/{}", checkpoint.size);
        if let Some(there) = self.files.read(&name)?
            && Checkpoint::parse(&there)?.text() != checkpoint.text()
        {
            let why = format!("another checkpoint of {} events was signed: {name}", checkpoint.size);
            return Err(ProofError::broken(why));
        }
        self.files.write(&name, checkpoint.note.as_bytes())?;
        if self.files.checkpoints()?.last() == Some(&checkpoint.size) {
            self.files.write("checkpoint", checkpoint.note.as_bytes())?;
        }
        Ok(())
    }

    /// Whether the log, as it is in the files, only adds to a checkpoint.
    fn goes_on_from(&self, signed: &Checkpoint) -> Result<(), ProofError> {
        if signed.size <= self.size() && self.root_at(signed.size)? == signed.root {
            return Ok(());
        }
        let why = format!(
            "the journal is not the one of which {} events were signed: nothing is signed; `daybook log verify` says where \
             they part",
            signed.size
        );
        Err(ProofError::broken(why))
    }

    /// The root over the first events.
    fn root_at(&self, size: u64) -> Result<Hash, ProofError> {
        if size == 0 {
            return Ok(EMPTY_HASH);
        }
        tree_hash(size, &self.reader()).map_err(ProofError::damaged)
    }

    /// Reads hashes of the tree, each of which is held against its root.
    fn reader(&self) -> TileHashReader<'_> {
        TileHashReader::new(self.tree.size(), self.tree.root(), &self.files)
    }

    /// The newest checkpoint, if any was signed.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn newest(&self) -> Result<Option<Checkpoint>, ProofError> {
        if self.lock.is_some() { last(&self.files) } else { Ok(self.newest.clone()) }
    }

    /// The checkpoint of a size.
    ///
    /// # Errors
    /// [`ProofError`]; `Broken` where none was signed of that size.
    pub fn of_size(&self, size: u64) -> Result<Checkpoint, ProofError> {
        of_size(&self.files, size)
    }

    /// Refuses a checkpoint of another log.
    fn has(&self, checkpoint: &Checkpoint) -> Result<(), ProofError> {
        if checkpoint.size > self.size() {
            let why = format!("a checkpoint of {} events: the log has {}", checkpoint.size, self.size());
            return Err(ProofError::broken(why));
        }
        if self.root_at(checkpoint.size)? != checkpoint.root {
            let why = format!("that checkpoint of {} events is not one of this log", checkpoint.size);
            return Err(ProofError::broken(why));
        }
        Ok(())
    }

    /// A proof that an event stands in the log, under a checkpoint.
    ///
    /// # Errors
    /// [`ProofError`] where the checkpoint does not reach it or is of another log, or the tiles are damaged.
    pub fn prove(&self, entry: &Entry<'_>, under: &Checkpoint) -> Result<Proof, ProofError> {
        self.has(under)?;
        let index = entry.position.saturating_sub(1);
        if entry.position == 0 || index >= under.size {
            let why = format!("position {} is not among the {} events signed", entry.position, under.size);
            return Err(ProofError::broken(why));
        }
        let path = prove_record(under.size, index, &self.reader()).map_err(ProofError::damaged)?;
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
        self.has(new)?;
        let path = match old.size {
            0 => Vec::new(),
            size => prove_tree(new.size, size, &self.reader()).map_err(ProofError::damaged)?,
        };
        let proof = Consistency { old: old.clone(), new: new.clone(), path };
        proof.holds()?;
        Ok(proof)
    }
}

/// The newest checkpoint: the largest that was kept. The file `checkpoint` is a copy of it for others.
fn last(files: &Files) -> Result<Option<Checkpoint>, ProofError> {
    files.checkpoints()?.last().map(|size| of_size(files, *size)).transpose()
}

fn of_size(files: &Files, size: u64) -> Result<Checkpoint, ProofError> {
    let none = || ProofError::broken(format!("no checkpoint was signed of {size} events"));
    let named = |error| ProofError::broken(format!("checkpoints/{size}: {error}"));
    let note = files.read(&format!("checkpoints/{size}"))?.ok_or_else(none)?;
    let checkpoint = Checkpoint::parse(&note).map_err(named)?;
    if checkpoint.size != size {
        let why = format!("checkpoints/{size} is of {} events: it was changed", checkpoint.size);
        return Err(ProofError::broken(why));
    }
    Ok(checkpoint)
}

/// The tree as it was saved; read again where it is being written meanwhile.
pub(crate) fn saved(files: &Files) -> Result<Tree, ProofError> {
    let mut state = files.read("state")?;
    for _ in 1..TRIES {
        let tree = load(files, state.as_deref());
        if tree.is_ok() {
            return tree;
        }
        let now = files.read("state")?;
        if now == state {
            return tree;
        }
        state = now;
    }
    load(files, state.as_deref())
}

fn missing(level: u8, number: u64, width: usize) -> ProofError {
    ProofError::damaged(format_args!("{} is missing", tile_name(level, number, width)))
}

/// The state goes first: without it no tile is looked at.
fn begin_again(files: &Files) -> Result<(), ProofError> {
    files.remove("state")?;
    files.remove("tile")
}

fn load(files: &Files, state: Option<&[u8]>) -> Result<Tree, ProofError> {
    let Some(state) = state else { return Ok(Tree::default()) };
    let state = String::from_utf8_lossy(state);
    let mut lines = state.lines();
    let size = lines.next().and_then(|size| size.parse().ok()).filter(|size| *size <= MOST_EVENTS);
    let root = lines.next().and_then(|root| Hash::parse_hash(root).ok());
    let (Some(size), Some(root)) = (size, root) else {
        return Err(ProofError::damaged("state is not a size and a root"));
    };
    let tree = Tree::load(size, |level, number, width| {
        files.tile_or_full(level, number, width)?.ok_or_else(|| missing(level, number, width))
    })?;
    if tree.root() == root {
        Ok(tree)
    } else {
        Err(ProofError::damaged("they do not give the root of state"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(position: u64) -> Entry<'static> {
        let (stream, kind, id) = ("order-o1", "OrderPlaced", [7; 16]);
        let (command, fingerprint, correlation) = (id, id, id);
        let (version, schema, occurred_at, recorded_at) = (position, 1, 1, 2);
        let (actor, refs, data) = ("test", "{}", "{}");
        Entry {
            position,
            stream,
            version,
            id,
            kind,
            schema,
            occurred_at,
            recorded_at,
            command,
            fingerprint,
            correlation,
            actor,
            refs,
            data,
        }
    }

    fn grow(log: &mut Log, upto: u64) {
        (log.size() + 1..=upto).for_each(|position| log.append(&entry(position)).expect("it is the next"));
    }

    #[test]
    fn no_tile_that_a_failing_disk_lost_is_taken_for_one_that_lasts() {
        let folder = tempfile::tempdir().expect("a folder");
        let key = MarketKey::generate("m", [1; 32]).and_then(|key| MarketKey::parse(&key)).expect("a key");
        let mut log = Log::open(folder.path()).expect("it is opened");
        grow(&mut log, 300);
        let signed = log.checkpoint(std::slice::from_ref(&key), &[]).expect("it is signed");
        grow(&mut log, 1_000);
        log.files.failing.borrow_mut().fails = true;
        for _ in 0..2 {
            assert!(matches!(log.save(), Err(ProofError::File { .. })));
            assert!(log.checkpoint(std::slice::from_ref(&key), &[]).is_err(), "nothing is signed");
        }
        // where the process ends here, the log stands as it did
        let reader = Log::read(folder.path()).expect("it is read");
        assert_eq!((reader.size(), reader.newest().expect("read")), (300, Some(signed)));
        reader.prove(&entry(299), &reader.of_size(300).expect("signed")).expect("proved");
        log.files.failing.borrow_mut().fails = false;
        let later = log.checkpoint(std::slice::from_ref(&key), &[]).expect("it is signed");
        drop(log);
        let reader = Log::read(folder.path()).expect("it is read");
        for position in [1, 256, 257, 512, 513, 768, 1_000] {
            reader.prove(&entry(position), &later).expect("its tile lasts");
        }
    }

    #[test]
    fn where_many_tiles_become_full_at_once_a_failing_disk_loses_none_either() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut log = Log::open(folder.path()).expect("it is opened");
        let full = u64::try_from(MOST_PENDING * TILE).expect("fits");
        grow(&mut log, full - 2_000);
        log.files.failing.borrow_mut().fails = true;
        let stopped = (log.size() + 1..=full + 1_000).find_map(|at| log.append(&entry(at)).err().map(|_| at));
        let stopped = stopped.expect("the disk fails");
        assert_eq!(log.size() + 1, stopped, "what was refused was not added");
        log.files.failing.borrow_mut().fails = false;
        grow(&mut log, full + 1_000);
        log.save().expect("it is saved");
        drop(log);
        let log = Log::read(folder.path()).expect("it is read");
        for size in (256..=full).step_by(256) {
            log.root_at(size).expect("each tile lasts");
        }
    }
}
