//! Statements that prove themselves: every line of a merchant's between two months, and that there is no other.
//!
//! When the books of a month are closed, the close, which is an event and so a leaf of the log, commits to one hash, the *seal*: the root
//! of a [`KeyedTree`](crate::KeyedTree) in which each merchant that had lines since the close before, or has a balance, has one leaf. The leaf says
//! for each currency and month how many lines there are, the balance before and after them, and the root of the tree over them
//! ([`Record`]). Each close names the one that it follows, and a checkpoint names the last one in force. So whoever has the checkpoint
//! can be shown a merchant's lines ([`Chapter`]), that they are all lines of these months, that their numbers and balances go on from one
//! another, and that no later close has taken the place of an earlier one.
//!
//! A statement is a set of small files ([`Files`]), which may stand in one archive ([`archive`]). [`verify_statement`] needs them and
//! the market's public key, and nothing else. What a line says follows from the event whose position it names; that
//! it does follow is not shown by the statement: ask for the event (`daybook log prove POSITION`).

pub mod archive;
mod chapter;
mod files;
mod verify;

use std::collections::BTreeMap;

use serde::Deserialize;

pub use chapter::{Chapter, Line, MerchantLeaf, Record, decimal};
pub(crate) use chapter::{amount as read_amount, is_currency, number};
pub use files::StatementFiles;
pub(crate) use verify::hex;
pub use verify::{Balance, Expected, ProvenStatement, Sealed, verify_statement};

/// Files by name, as they stand in a folder or an archive.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What a close of the books commits to of merchants' statements, as its event says it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Seal {
    /// Merchants that had lines or a balance.
    pub merchants: u64,
    /// Lines of all of them.
    pub lines: u64,
    /// The root over the merchants' leaves, hex.
    pub root: String,
    /// The last month that was closed before; none: nothing was, and the seal has everything before its month too.
    pub after: Option<String>,
    /// Position of the close of that month.
    pub follows: Option<u64>,
}

/// The line of a checkpoint that names the last close in force: `closed 2018-05 104218`.
#[must_use]
pub fn closed_line(period: &str, position: u64) -> String {
    format!("{CLOSED}{period} {position}")
}

/// That line where no close is in force: a checkpoint without either says nothing of the books, and proves nothing of them.
pub const NONE_CLOSED: &str = "closed none";

/// How the line of a checkpoint begins that names the last close in force.
pub(crate) const CLOSED: &str = "closed ";
