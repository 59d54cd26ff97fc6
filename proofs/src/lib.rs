//! The transparency log over a journal, and proofs from it that hold without the journal.
//!
//! Every event of the journal is a leaf of one Merkle tree (RFC 6962, SHA-256), in the order of positions. Whoever has the root of
//! the tree at some size, the *checkpoint*, signed by the market, can be shown of any event that it is in there ([`Proof`]),
//! and of any later checkpoint that it only adds to it ([`Consistency`]): nothing before it was changed, dropped or put in
//! between. What a checkpoint does not prove: that what was recorded was true, or that the market shows the same checkpoint
//! to everybody; against the latter, witnesses sign it too.
//!
//! Formats are the open ones of this field, so that others' tools read them: checkpoints are signed notes (C2SP
//! tlog-checkpoint, signed-note; Ed25519), the tree lies in files as C2SP tlog-tiles, a proof of an event is a C2SP
//! tlog-proof, a witness signs as C2SP tlog-cosignature says. The tree's arithmetic and the notes are the crates' `tlog_tiles` and
//! `signed_note`; ours is what a leaf says ([`Entry`]) and how the tree grows with a journal ([`Log`]).
//!
//! On it stand a merchant's statements that show to be complete ([`statement`]), and what the market owes ([`Stated`], [`OwedProof`]).
//!
//! This crate knows neither database nor network: who has to check a proof can build it alone.

mod checkpoint;
mod entry;
mod error;
mod files;
pub mod keyed;
mod keys;
mod liabilities;
mod log;
mod proof;
mod recount;
pub mod statement;
mod strict;
mod time;
mod tree;

pub use checkpoint::Checkpoint;
pub use entry::Entry;
pub use error::ProofError;
pub use keyed::{KeyedPath, KeyedTree};
pub use keys::{MarketKey, PublicKey, SignedBy};
pub use liabilities::{
    Blinding, ExpectedOwed, MOST_BETWEEN, OwedProof, OwedTree, Stated, StatedSum, Sum, SumTree, verify_owed,
};
pub use log::Log;
pub use proof::{Consistency, Proof};
pub use recount::Recount;
pub use statement::{Expected, Files, ProvenStatement, verify_statement};
pub use tlog_tiles::Hash;
pub use zeroize::Zeroizing;
