//! A tree in which each name has one place: the only one where it can stand, so that it stands there once or not at all.
//!
//! The place of a name is said by the bits of its key, the hash of the name, from the top down: 0 is left, 1 is right. A leaf
//! stands as far up as no other key has the same bits. Whoever is shown a leaf under a root knows that the root has no
//! second one of that name, and that a name has none can be shown by what stands in its place.

use tlog_tiles::{EMPTY_HASH, Hash, node_hash};

use crate::ProofError;
use crate::entry::leaf;

/// Bits of a key.
const BITS: usize = 256;

/// The key of a name.
#[must_use]
pub fn key(name: &str) -> Hash {
    leaf(name.as_bytes())
}

/// The hash of what a leaf holds.
#[must_use]
pub fn content(text: &str) -> Hash {
    leaf(text.as_bytes())
}

fn bit(key: &Hash, at: usize) -> bool {
    key.0[at / 8] >> (7 - at % 8) & 1 == 1
}

fn node(key: &Hash, content: &Hash) -> Hash {
    leaf(&[key.0, content.0].concat())
}

/// What stands in the place of a name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// The name's own leaf.
    Own,
    /// Another name's, which has no other beside it that far down.
    Other {
        /// The other name's key.
        key: Hash,
        /// The hash of what its leaf holds.
        content: Hash,
    },
    /// Nothing.
    Empty,
}

/// The way from the root to the place of a name.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyedPath {
    /// What stands there.
    pub place: Place,
    /// What stands beside the way, from the top down.
    pub beside: Vec<Hash>,
}

impl KeyedPath {
    /// Whether it leads to the root: with `content`, that the name stands there with it; without, that it does not stand there.
    #[must_use]
    pub fn leads_to(&self, root: Hash, name: &str, content: Option<Hash>) -> bool {
        if self.beside.len() > BITS {
            return false;
        }
        let own = key(name);
        let bottom = match (self.place, content) {
            (Place::Own, Some(content)) => node(&own, &content),
            (Place::Other { key, content }, None) => {
                let same = |at| bit(&key, at) == bit(&own, at);
                if key == own || !(0..self.beside.len()).all(same) {
                    return false;
                }
                node(&key, &content)
            }
            (Place::Empty, None) => EMPTY_HASH,
            _ => return false,
        };
        let up = self.beside.iter().enumerate().rev().fold(bottom, |below, (at, beside)| {
            if bit(&own, at) { node_hash(*beside, below) } else { node_hash(below, *beside) }
        });
        up == root
    }
}

/// A key and the hash of what its leaf holds.
type Leaf = (Hash, Hash);

/// The tree: keys with the hashes of what their leaves hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyedTree(Vec<Leaf>);

impl KeyedTree {
    /// The tree of some leaves, each a key and the hash of what it holds, in any order.
    ///
    /// # Errors
    /// [`ProofError::Broken`] where a key comes twice.
    pub fn of(mut leaves: Vec<(Hash, Hash)>) -> Result<Self, ProofError> {
        leaves.sort_unstable_by_key(|(key, _)| key.0);
        if leaves.windows(2).any(|two| two[0].0 == two[1].0) {
            return Err(ProofError::broken("a name comes twice in a tree that has each once"));
        }
        Ok(Self(leaves))
    }

    /// Its leaves, by key.
    #[must_use]
    pub fn leaves(&self) -> &[(Hash, Hash)] {
        &self.0
    }

    /// It as bytes: each leaf's key and hash.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(key, content)| [key.0, content.0]).flatten().collect()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) gave.
    ///
    /// # Errors
    /// [`ProofError`] for what are no leaves.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProofError> {
        let (leaves, []) = bytes.as_chunks::<64>() else {
            return Err(ProofError::malformed("the index of a seal", "its length is not that of leaves"));
        };
        let half = |half: &[u8]| Hash(half.try_into().expect("invariant: half of 64 bytes"));
        Self::of(leaves.iter().map(|leaf| (half(&leaf[..32]), half(&leaf[32..]))).collect())
    }

    /// The hash of its root.
    #[must_use]
    pub fn root(&self) -> Hash {
        over(&self.0, 0)
    }

    /// The way to the place of a name.
    #[must_use]
    pub fn path(&self, name: &str) -> KeyedPath {
        let (own, mut beside, mut within) = (key(name), Vec::new(), self.0.as_slice());
        let place = loop {
            match within {
                [] => break Place::Empty,
                [(key, _)] if *key == own => break Place::Own,
                [(key, content)] => break Place::Other { key: *key, content: *content },
                _ => {
                    let depth = beside.len();
                    let (left, right) = halves(within, depth);
                    let (on, off) = if bit(&own, depth) { (right, left) } else { (left, right) };
                    beside.push(over(off, depth + 1));
                    within = on;
                }
            }
        };
        KeyedPath { place, beside }
    }
}

fn halves(leaves: &[Leaf], depth: usize) -> (&[Leaf], &[Leaf]) {
    leaves.split_at(leaves.partition_point(|(key, _)| !bit(key, depth)))
}

fn over(leaves: &[Leaf], depth: usize) -> Hash {
    match leaves {
        [] => EMPTY_HASH,
        [(key, content)] => node(key, content),
        _ => {
            let (left, right) = halves(leaves, depth);
            node_hash(over(left, depth + 1), over(right, depth + 1))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shown_to_stand_in_the_tree_or_not_to_and_never_both() {
        for size in [0usize, 1, 2, 3, 17, 300] {
            let leaves = (0..size).map(|n| (key(&format!("m{n}")), content(&format!("of {n}"))));
            let tree = KeyedTree::of(leaves.collect()).unwrap();
            let root = tree.root();
            for n in 0..size + 40 {
                let (name, own) = (format!("m{n}"), content(&format!("of {n}")));
                let path = tree.path(&name);
                let there = n < size;
                assert!(path.leads_to(root, &name, there.then_some(own)), "{n} of {size}");
                assert!(!path.leads_to(root, &name, (!there).then_some(own)), "{n} of {size}");
                assert!(!path.leads_to(root, &name, Some(content("else"))), "{n} of {size}");
                assert!(!path.leads_to(content("root"), &name, there.then_some(own)));
                // another's leaf does not stand for it
                if there && size > 1 {
                    let other = tree.path(&format!("m{}", (n + 1) % size));
                    assert!(!other.leads_to(root, &name, Some(own)));
                    assert!(!KeyedPath { place: Place::Empty, ..path.clone() }.leads_to(root, &name, None));
                }
            }
        }
        let twice = vec![(key("a"), content("1")), (key("a"), content("2"))];
        assert!(KeyedTree::of(twice).is_err());
    }
}
