//! The read models. Each file is one model: its row type, its `route`, its `fold`.

pub mod books;
pub mod breaks;
pub mod buyers;
pub mod campaigns;
pub mod carts;
pub mod channel_days;
pub mod checkouts;
pub mod deposits;
pub mod disputes;
pub mod entities;
pub mod inquiries;
pub mod leads;
mod marks;
pub mod merchant_accounts;
pub mod merchant_balances;
pub mod merchants;
mod order_fold;
pub mod order_lines;
pub mod orders;
pub mod payouts;
pub mod reviews;
pub mod settlements;
pub mod statements;
mod timeline;

pub use marks::Marks;

use daybook_domain::EventKind;

use crate::engine::ReadModelError;
use crate::engine::runner::{Children, Runner};
use crate::engine::table::Table;
use crate::engine::traffic::Traffic;
use crate::model::KindSet;
use crate::record::Column;
use crate::world::World;

/// Every model, in the order in which an event reaches them: one that is tallied stands before its tally.
pub(crate) fn all(children: Children) -> Vec<Box<dyn Runner>> {
    vec![
        Box::new(Table::<orders::Orders>::new(children)),
        Box::new(Table::<order_lines::OrderLines>::new(children)),
        Box::new(Table::<checkouts::Checkouts>::new(children)),
        Box::new(Table::<merchants::Merchants>::new(children)),
        Box::new(Table::<merchant_balances::MerchantBalances>::new(children)),
        Box::new(Table::<merchant_accounts::MerchantAccounts>::new(children)),
        Box::new(Table::<settlements::Settlements>::new(children)),
        Box::new(Table::<payouts::Payouts>::new(children)),
        Box::new(Table::<deposits::Deposits>::new(children)),
        Box::new(Table::<disputes::Disputes>::new(children)),
        Box::new(Table::<reviews::Reviews>::new(children)),
        Box::new(Table::<leads::Leads>::new(children)),
        Box::new(Table::<buyers::Buyers>::new(children)),
        Box::new(Table::<carts::Carts>::new(children)),
        Box::new(Table::<inquiries::Inquiries>::new(children)),
        Box::new(Table::<campaigns::Campaigns>::new(children)),
        Box::new(Table::<channel_days::ChannelDays>::new(children)),
        Box::new(Table::<books::Books>::new(children)),
        Box::new(Table::<statements::Statements>::new(children)),
        Box::new(Table::<breaks::Breaks>::new(children)),
        Box::new(Table::<entities::Entities>::new(children)),
        Box::new(Traffic::new()),
    ]
}

/// The names of all models.
#[must_use]
pub fn names() -> Vec<&'static str> {
    all(Children::Hash).iter().map(|r| r.name()).collect()
}

/// The models of these names, all where none is named, with those they are made together with: a tally needs
/// the rows that it counts in the same pass.
///
/// # Errors
/// [`ReadModelError::UnknownModel`] names those there are.
pub(crate) fn selected(wanted: &[&str], children: Children) -> Result<Vec<Box<dyn Runner>>, ReadModelError> {
    let mut runners = all(children);
    if let Some(name) = wanted.iter().find(|name| !runners.iter().any(|r| r.name() == **name)) {
        let known: Vec<_> = runners.iter().map(|r| r.name()).collect();
        return Err(ReadModelError::UnknownModel { name: (*name).to_owned(), known: known.join(", ") });
    }
    if !wanted.is_empty() {
        let pairs: Vec<_> = runners.iter().filter_map(|r| Some((r.tallies()?, r.name()))).collect();
        let with = |name: &str| {
            let other = |(a, b): &(&str, &str)| {
                (*a == name && wanted.contains(b)) || (*b == name && wanted.contains(a))
            };
            wanted.contains(&name) || pairs.iter().any(other)
        };
        runners.retain(|r| with(r.name()));
    }
    Ok(runners)
}

/// The event types that no model looks at, but for the entity index, which takes every stream but those of traffic.
#[must_use]
pub fn unrouted() -> Vec<EventKind> {
    let looking = all(Children::Hash).into_iter().filter(|r| r.kinds() != KindSet::BUSINESS);
    let routed = looking.fold(World::KINDS, |set, r| set.or(r.kinds()));
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
