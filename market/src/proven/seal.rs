//! What a close of the books commits to of merchants' statements.

use daybook_domain::books::events::StatementSeal;
use daybook_domain::{Code, Reference};
use daybook_journal::Position;
use daybook_projections::{ReadModelError, ReadModels};
use daybook_proofs::{KeyedTree, keyed};

use super::chapters::{Within, visit};
use super::leaf;

/// The tree over all merchants that have lines booked within a time, by events through a position, and how many lines.
pub(super) fn tree(
    models: &ReadModels,
    (from, until): (i64, i64),
    through: Position,
) -> Result<(KeyedTree, u64), ReadModelError> {
    let (mut leaves, mut lines) = (Vec::new(), 0);
    visit(models, Within { merchant: None, from, until, through }, &mut |merchant, chapters| {
        lines += chapters.iter().map(|chapter| chapter.lines.len() as u64).sum::<u64>();
        leaves.extend(leaf(&merchant, &chapters).map(|leaf| (keyed::key(&merchant), leaf.hash())));
    })?;
    let tree = KeyedTree::of(leaves).expect("invariant: each merchant is visited once");
    Ok((tree, lines))
}

/// The seal of a close: of what is booked from `from` to `until` by events through a position. `before` is the last month that
/// was closed before, and the position of its close.
pub(crate) fn seal(
    models: &ReadModels,
    within: (i64, i64),
    through: Position,
    before: Option<(Code, Position)>,
) -> Result<StatementSeal, ReadModelError> {
    let (tree, lines) = tree(models, within, through)?;
    let hex: String = tree.root().0.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(StatementSeal {
        merchants: tree.leaves().len() as u64,
        lines,
        root: Reference::new(&hex).expect("invariant: 64 digits are a reference"),
        after: before.map(|(period, _)| period),
        follows: before.map(|(_, position)| position),
    })
}
