//! The digest of a table: the sum modulo 2^256 of the SHA-256 of its rows.
//!
//! A sum does not depend on the order of rows, so live and rebuilt tables, copies and imports on other backends
//! compare equal when, and only when, their rows do. Hashed are the typed business columns alone: never a
//! position, a time of recording or an id that the engine drew.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::record::{Column, Sink};

/// A sum of row hashes, 256 bits.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Digest([u64; 4]);

impl Digest {
    /// Adds the hash of a row.
    pub fn add(&mut self, hash: [u8; 32]) {
        let mut carry = false;
        for (limb, bytes) in self.0.iter_mut().zip(hash.as_chunks::<8>().0) {
            let (sum, first) = limb.overflowing_add(u64::from_le_bytes(*bytes));
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            *limb = sum;
            carry = first || second;
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().rev().try_for_each(|limb| write!(f, "{limb:016x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The digest of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableDigest {
    /// The table.
    pub table: &'static str,
    /// How many rows it has.
    pub rows: u64,
    /// The sum over them.
    pub digest: Digest,
}

/// Hashes one row: each cell with its type and length, so that no two rows share an encoding.
#[derive(Default)]
pub(crate) struct RowHash {
    hash: Sha256,
    /// Columns still to come; local ones are passed over.
    columns: std::slice::Iter<'static, Column>,
}

impl RowHash {
    /// The cells that follow are of these columns.
    pub(crate) fn of(&mut self, columns: &'static [Column]) -> &mut Self {
        self.columns = columns.iter();
        self
    }
    pub(crate) fn finish(self) -> [u8; 32] {
        self.hash.finalize().into()
    }
    /// A cell whatever its column says.
    pub(crate) fn put_text(&mut self, value: &str) {
        self.hash.update([2]);
        self.hash.update((value.len() as u32).to_le_bytes());
        self.hash.update(value);
    }
    /// Bytes that are no text.
    pub(crate) fn put_bytes(&mut self, value: &[u8]) {
        self.hash.update([3]);
        self.hash.update((value.len() as u32).to_le_bytes());
        self.hash.update(value);
    }
    fn local(&mut self) -> bool {
        self.columns.next().is_some_and(|c| c.local)
    }
}

impl Sink for RowHash {
    fn integer(&mut self, value: Option<i64>) {
        if self.local() {
            return;
        }
        match value {
            Some(v) => {
                self.hash.update([1]);
                self.hash.update(v.to_le_bytes());
            }
            None => self.hash.update([0]),
        }
    }
    fn text(&mut self, value: Option<&str>) {
        if self.local() {
            return;
        }
        match value {
            Some(v) => self.put_text(v),
            None => self.hash.update([0]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_carries_over_limbs_and_wraps_at_the_end() {
        let mut sum = Digest::default();
        sum.add([0xff; 32]);
        let mut one = [0; 32];
        one[0] = 1;
        sum.add(one);
        assert_eq!(sum, Digest::default());
        one[0] = 0;
        one[8] = 1;
        sum.add(one);
        assert_eq!(sum.to_string(), format!("{:0>64}", "10000000000000000"));
    }

    #[test]
    fn the_order_of_rows_does_not_matter_and_their_cells_do() {
        let row = |a: &str, b: &str| {
            let mut h = RowHash::default();
            h.put_text(a);
            h.put_text(b);
            h.finish()
        };
        let sum = |rows: &[[u8; 32]]| {
            let mut d = Digest::default();
            rows.iter().for_each(|r| d.add(*r));
            d
        };
        assert_eq!(sum(&[row("a", "b"), row("c", "d")]), sum(&[row("c", "d"), row("a", "b")]));
        assert_ne!(row("ab", "c"), row("a", "bc"));
    }
}
