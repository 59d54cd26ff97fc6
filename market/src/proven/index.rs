//! The tree of a seal, kept beside the log once it was drawn up: it holds nothing that the books do not give again.

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;

use daybook_proofs::KeyedTree;

use super::{Covered, Prover, seal};
use crate::periods::Period;
use crate::transparency::TransparencyError;

/// Longest index that is read: of 4 million merchants.
const MOST_BYTES: u64 = 1 << 28;

/// The tree of a close; drawn up `again` where what was kept turned out to be another.
pub(super) fn tree(
    prover: &Prover<'_>,
    close: &Period,
    covered: &Covered,
    again: bool,
) -> Result<KeyedTree, TransparencyError> {
    let path = prover.folder.join("seals").join(close.position.to_string());
    if !again && let Some(tree) = kept(&path) {
        return Ok(tree);
    }
    let (tree, _) = seal::tree(prover.models, (covered.from, covered.until), covered.through)?;
    // it is a copy to be quicker the next time: where it cannot be kept, it is drawn up again
    if let Err(error) = keep(&path, &tree) {
        tracing::debug!(%error, path = %path.display(), "the index of a seal is not kept");
    }
    Ok(tree)
}

fn kept(path: &PathBuf) -> Option<KeyedTree> {
    let file = fs::File::open(path).ok()?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= MOST_BYTES).then(|| KeyedTree::from_bytes(&bytes).ok())?
}

fn keep(path: &PathBuf, tree: &KeyedTree) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let new = path.with_extension("new");
    fs::write(&new, tree.to_bytes())?;
    fs::rename(&new, path)
}
