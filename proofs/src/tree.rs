//! The tree while it grows: of each level only the tile at its right edge is held.

use tlog_tiles::{EMPTY_HASH, Hash, node_hash};

/// Hashes of a full tile.
pub(crate) const TILE: usize = 256;
/// Its height: so many levels of the tree lie in one tile.
pub(crate) const HEIGHT: u8 = 8;

/// A Merkle tree (RFC 6962) that leaves are added to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tree {
    size: u64,
    /// Of each level of tiles, from the leaves up, the hashes of the tile that is not full.
    edge: Vec<Vec<Hash>>,
}

/// A tile that became full.
#[derive(Debug)]
pub(crate) struct Full {
    pub level: u8,
    /// Which of its level.
    pub number: u64,
    pub hashes: Vec<Hash>,
}

impl Tree {
    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The hash of its last leaf, where that is not in a tile that became full by it.
    pub fn last(&self) -> Option<Hash> {
        self.edge.first().and_then(|leaves| leaves.last()).copied()
    }

    /// The hash of its root, where that is needed at its size.
    pub fn root_at_need(&self, needed: impl FnOnce(u64) -> bool) -> Option<Hash> {
        needed(self.size).then(|| self.root())
    }

    /// The hash of its root.
    pub fn root(&self) -> Hash {
        let mut below: Option<Hash> = None;
        for level in &self.edge {
            let all: Vec<Hash> = level.iter().copied().chain(below).collect();
            below = over(&all).or(below);
        }
        below.unwrap_or(EMPTY_HASH)
    }

    /// Adds a leaf; tells the tiles that became full by it, from below.
    pub fn push(&mut self, leaf: Hash, mut full: impl FnMut(Full)) {
        self.size += 1;
        let (mut hash, mut level) = (leaf, 0u8);
        let mut complete = self.size;
        loop {
            if self.edge.len() == usize::from(level) {
                self.edge.push(Vec::with_capacity(TILE));
            }
            let tile = &mut self.edge[usize::from(level)];
            tile.push(hash);
            if tile.len() < TILE {
                return;
            }
            let hashes = std::mem::replace(tile, Vec::with_capacity(TILE));
            hash = over(&hashes).expect("invariant: a full tile has hashes");
            complete >>= HEIGHT;
            full(Full { level, number: complete - 1, hashes });
            level += 1;
        }
    }

    /// The tiles at the right edge that are not full: level, number, hashes.
    pub fn partial(&self) -> impl Iterator<Item = (u8, u64, &[Hash])> {
        let size = self.size;
        self.edge.iter().enumerate().filter(|(_, hashes)| !hashes.is_empty()).map(move |(level, hashes)| {
            let level = u8::try_from(level).expect("invariant: 2^64 leaves have 8 levels of tiles");
            (level, size >> (u32::from(level + 1) * u32::from(HEIGHT)), hashes.as_slice())
        })
    }

    /// A tree of which the partial tiles are known; `tile` gives the hashes of one by level, number and width.
    pub fn load<E>(
        size: u64,
        mut tile: impl FnMut(u8, u64, usize) -> Result<Vec<Hash>, E>,
    ) -> Result<Self, E> {
        let mut edge = Vec::new();
        let (mut at_level, mut level) = (size, 0u8);
        while at_level > 0 {
            let width = usize::try_from(at_level % TILE as u64).expect("invariant: below 256");
            let number = at_level >> HEIGHT;
            edge.push(if width == 0 { Vec::new() } else { tile(level, number, width)? });
            at_level = number;
            level += 1;
        }
        Ok(Self { size, edge })
    }
}

/// The tiles, level and number, that were begun at a size and are full at a later one.
pub(crate) fn became_full(before: u64, after: u64) -> impl Iterator<Item = (u8, u64)> {
    let hashes = |size: u64, level: u8| size.checked_shr(u32::from(level) * u32::from(HEIGHT)).unwrap_or(0);
    (0..HEIGHT).filter_map(move |level| {
        let begun = !hashes(before, level).is_multiple_of(TILE as u64);
        let number = hashes(before, level + 1);
        (begun && number < hashes(after, level + 1)).then_some((level, number))
    })
}

/// The hash over some hashes of one level, as RFC 6962 splits them; none over nothing.
fn over(hashes: &[Hash]) -> Option<Hash> {
    match hashes {
        [] => None,
        [one] => Some(*one),
        many => {
            let half = many.len().next_power_of_two() / 2;
            let (left, right) = many.split_at(half);
            Some(node_hash(over(left)?, over(right)?))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use tlog_tiles::{Error, HashReader, stored_hashes, tree_hash};

    struct Stored(Vec<Hash>);

    impl HashReader for Stored {
        fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, Error> {
            Ok(indexes.iter().map(|at| self.0[usize::try_from(*at).unwrap()]).collect())
        }
    }

    #[test]
    fn the_root_is_that_of_rfc_6962_at_every_size() {
        let mut tree = Tree::default();
        let mut stored = Stored(Vec::new());
        assert_eq!(tree.root(), tree_hash(0, &stored).unwrap());
        for n in 0..70_000u64 {
            let leaf = n.to_be_bytes();
            let new = stored_hashes(n, &leaf, &stored).unwrap();
            stored.0.extend(new);
            tree.push(crate::entry::leaf(&leaf), |_| {});
            if n < 2_000 || n % 997 == 0 || (n + 1) % 256 == 0 {
                assert_eq!(tree.root(), tree_hash(n + 1, &stored).unwrap(), "{n}");
            }
        }
        let known: Vec<_> = tree.partial().map(|(l, n, hashes)| ((l, n), hashes.to_vec())).collect();
        let find = |l, n, width| {
            let (_, hashes) = known.iter().find(|(at, _)| *at == (l, n)).ok_or(())?;
            assert_eq!(hashes.len(), width);
            Ok::<_, ()>(hashes.clone())
        };
        assert_eq!(Tree::load(tree.size(), find).unwrap(), tree);
    }

    /// The leaves and roots that Certificate Transparency's reference implementation is tested with.
    #[test]
    fn a_tile_that_was_begun_and_is_full_now_is_named_and_no_other() {
        let named = |before, after| became_full(before, after).collect::<Vec<_>>();
        assert_eq!(named(0, 10_000), [], "nothing was begun");
        assert_eq!(named(255, 256), [(0, 0)]);
        assert_eq!(named(256, 512), [], "no leaf of it was there");
        assert_eq!(named(300, 511), [], "begun, not full");
        assert_eq!(named(300, 512), [(0, 1)]);
        assert_eq!(named(65_535, 65_536), [(0, 255), (1, 0)]);
        assert_eq!(named(65_536, 131_072), [], "two levels begin anew");
        assert_eq!(named(65_792, 131_072), [(1, 1)], "the leaves stood at a full tile");
    }

    #[test]
    fn the_published_roots_are_those_of_the_published_leaves() {
        let leaves: [&[u8]; 8] =
            [b"", b"\x00", b"\x10", b"\x20\x21", b"\x30\x31", b"@ABC", b"PQRSTUVW", b"`abcdefghijklmno"];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let hex = |hash: Hash| hash.0.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let mut tree = Tree::default();
        assert_eq!(hex(tree.root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        for (bytes, root) in leaves.iter().zip(roots) {
            tree.push(crate::entry::leaf(bytes), |_| {});
            assert_eq!(hex(tree.root()), root, "of {} leaves", tree.size());
        }
    }
}
