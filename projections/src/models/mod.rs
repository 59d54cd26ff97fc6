//! The read models. Each file is one model: its row type, its `route`, its `fold`.

pub mod books;
pub mod checkouts;
pub mod disputes;
pub mod entities;
mod order_fold;
pub mod order_lines;
pub mod orders;
mod timeline;

use daybook_domain::EventKind;

use crate::engine::ReadModelError;
use crate::engine::runner::{Children, Runner};
use crate::engine::table::Table;
use crate::record::Column;
use crate::world::World;

/// Every model, in the order in which an event reaches them.
pub(crate) fn all(children: Children) -> Vec<Box<dyn Runner>> {
    vec![
        Box::new(Table::<orders::Orders>::new(children)),
        Box::new(Table::<order_lines::OrderLines>::new(children)),
        Box::new(Table::<checkouts::Checkouts>::new(children)),
        Box::new(Table::<books::Books>::new(children)),
        Box::new(Table::<entities::Entities>::new(children)),
    ]
}

/// The names of all models.
#[must_use]
pub fn names() -> Vec<&'static str> {
    all(Children::Hash).iter().map(|r| r.name()).collect()
}

/// Refuses a name that no model has.
pub(crate) fn named(wanted: &[&str]) -> Result<(), ReadModelError> {
    let known = names();
    match wanted.iter().find(|name| !known.contains(name)) {
        None => Ok(()),
        Some(name) => Err(ReadModelError::UnknownModel { name: (*name).to_owned(), known: known.join(", ") }),
    }
}

/// The event types that no model looks at.
#[must_use]
pub fn unrouted() -> Vec<EventKind> {
    let routed = all(Children::Hash).iter().fold(World::KINDS, |set, r| set.or(r.kinds()));
    EventKind::ALL.iter().copied().filter(|k| !routed.has(*k)).collect()
}

/// Every table with its columns: what a BI tool finds in the file, and what each column means.
#[must_use]
pub fn dictionary() -> Vec<(&'static str, &'static [Column])> {
    all(Children::Hash).iter().flat_map(|r| r.columns()).collect()
}

/// An id as the cell of a row.
pub(crate) fn text(id: impl AsRef<str>) -> String {
    id.as_ref().to_owned()
}

/// An id that may be absent as the cell of a row.
pub(crate) fn text_of(id: Option<impl AsRef<str>>) -> Option<String> {
    id.map(text)
}

/// Replaces a word without allocating anew.
pub(crate) fn set(cell: &mut String, word: &str) {
    if cell != word {
        cell.clear();
        cell.push_str(word);
    }
}

/// A count as the cell of a row.
pub(crate) fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
