//! The contract of a read model: two pure functions and a row type.
//!
//! `route` names the rows that an event touches, from the event alone; `fold` changes one of them. A fold sees
//! its row, the event and a small read-only [`World`]; it has no clock, no randomness and no other row. It may
//! append child rows, numbered by its row's own counter and never read back. From these the engine makes live
//! following, rebuilds, answers as of any moment, digests, and tests without a database.

use std::cell::Cell;
use std::hash::{Hash, Hasher};

use daybook_domain::posting::Entry;
use daybook_domain::{Event, EventKind, Refs};
use daybook_journal::{Micros, Position, Version};

use crate::models::Marks;
use crate::record::Record;
use crate::world::World;

/// Most text columns that a key has.
pub const MAX_KEY: usize = 4;

/// The key of a row, borrowed: nothing is allocated to look a row up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key<'a> {
    parts: [&'a str; MAX_KEY],
    len: u8,
}

impl<'a> Key<'a> {
    /// A key of these parts, at most [`MAX_KEY`].
    #[must_use]
    pub fn new(parts: &[&'a str]) -> Self {
        let mut key = Key { parts: [""; MAX_KEY], len: parts.len() as u8 };
        key.parts[..parts.len()].copy_from_slice(parts);
        key
    }
    /// Its parts.
    #[must_use]
    pub fn parts(&self) -> &[&'a str] {
        &self.parts[..usize::from(self.len)]
    }
    /// One of its parts.
    #[must_use]
    pub fn part(&self, n: usize) -> &'a str {
        self.parts[n]
    }
}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().iter().for_each(|part| part.hash(state));
    }
}

/// The keys that an event is routed to.
pub type Keys<'a> = Vec<Key<'a>>;

/// A set of event types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindSet([u64; 4]);

impl KindSet {
    /// These types.
    #[must_use]
    pub const fn of(kinds: &[EventKind]) -> Self {
        let mut set = [0; 4];
        let mut at = 0;
        while at < kinds.len() {
            let kind = kinds[at] as usize;
            set[kind / 64] |= 1 << (kind % 64);
            at += 1;
        }
        Self(set)
    }
    /// The types of one category of streams.
    #[must_use]
    pub const fn of_category(category: &str) -> Self {
        let mut set = [0; 4];
        let mut at = 0;
        while at < EventKind::ALL.len() {
            let kind = EventKind::ALL[at];
            if same(kind.category().as_bytes(), category.as_bytes()) {
                set[kind as usize / 64] |= 1 << (kind as usize % 64);
            }
            at += 1;
        }
        Self(set)
    }
    /// Every type.
    pub const ALL: Self = Self::of(EventKind::ALL);
    /// The types that post to the books.
    pub const MONEY: Self = {
        let mut set = [0; 4];
        let mut at = 0;
        while at < EventKind::ALL.len() {
            let kind = EventKind::ALL[at];
            if kind.posts() {
                set[kind as usize / 64] |= 1 << (kind as usize % 64);
            }
            at += 1;
        }
        Self(set)
    };
    /// What visitors did. Models of money leave these out: their events are then not even decoded.
    pub const TRAFFIC: Self = Self::of_category("traffic");
    /// Every type but those of traffic.
    pub const BUSINESS: Self = {
        let (all, traffic) = (Self::ALL.0, Self::TRAFFIC.0);
        Self([all[0] & !traffic[0], all[1] & !traffic[1], all[2] & !traffic[2], all[3] & !traffic[3]])
    };
    /// These and those.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self([a[0] | b[0], a[1] | b[1], a[2] | b[2], a[3] | b[3]])
    }
    /// Whether `kind` is one of them.
    #[must_use]
    pub const fn has(self, kind: EventKind) -> bool {
        self.0[kind as usize / 64] >> (kind as usize % 64) & 1 == 1
    }
    /// The types, in order.
    pub fn iter(self) -> impl Iterator<Item = EventKind> {
        EventKind::ALL.iter().copied().filter(move |k| self.has(*k))
    }
}

/// Whether two texts are the same, at compile time.
const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    a.len() == b.len()
}

/// An event with what stands around it: decoded once and posted once for all models.
#[derive(Clone, Debug)]
pub struct Envelope<'e> {
    /// Position in the journal.
    pub position: Position,
    /// The stream, `category-id`.
    pub stream: &'e str,
    /// Version in the stream.
    pub version: Version,
    /// Type.
    pub kind: EventKind,
    /// When it happened.
    pub occurred_at: Micros,
    /// When the journal took it.
    pub recorded_at: Micros,
    /// When it is booked: `occurred_at`, or the start of the first open period.
    pub booked_at: Micros,
    /// What it is about.
    pub refs: &'e Refs,
    /// What happened.
    pub event: &'e Event,
    /// Its entries in the books, in the order of the posting rule.
    pub entries: &'e [Entry<'e>],
    /// What the event's order came to count as, set by the orders' fold.
    pub(crate) marks: Cell<Marks>,
}

impl<'e> Envelope<'e> {
    /// What would have happened in its place, and what that posts.
    #[must_use]
    pub fn saying<'a>(&self, event: &'a Event, entries: &'a [Entry<'a>]) -> Envelope<'a>
    where
        'e: 'a,
    {
        Envelope { event, entries, kind: event.kind(), marks: Cell::default(), ..*self }
    }

    /// What would have happened at an instant in no stream of the journal, after the event at `position`.
    #[must_use]
    pub fn beside(
        position: Position,
        at: Micros,
        refs: &'e Refs,
        event: &'e Event,
        entries: &'e [Entry<'e>],
    ) -> Self {
        Self {
            position,
            stream: "",
            version: 0,
            kind: event.kind(),
            occurred_at: at,
            recorded_at: at,
            booked_at: at,
            refs,
            event,
            entries,
            marks: Cell::default(),
        }
    }
}

impl Envelope<'_> {
    /// What the event's order came to count as with it, and ceased to: a change of marks.
    #[must_use]
    pub fn marks(&self) -> Marks {
        self.marks.get()
    }
    /// The category of its stream.
    #[must_use]
    pub fn category(&self) -> &str {
        self.stream.split_once('-').map_or(self.stream, |(category, _)| category)
    }
}

/// By which time a model is cut when it is asked as of a business time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// When things happened.
    Occurred,
    /// When they were booked: books and statements.
    Booked,
}

/// A secondary index of a table.
#[derive(Clone, Copy, Debug)]
pub struct Index {
    /// Its columns.
    pub columns: &'static [&'static str],
    /// Only rows where this column is above zero.
    pub above_zero: Option<&'static str>,
}

impl Index {
    /// An index on these columns.
    #[must_use]
    pub const fn on(columns: &'static [&'static str]) -> Self {
        Self { columns, above_zero: None }
    }
}

/// What a fold gives out: child rows, and whether a sum went out of range.
#[derive(Debug)]
pub struct Out<C> {
    pub(crate) children: Vec<C>,
    pub(crate) overflow: bool,
}

impl<C> Default for Out<C> {
    fn default() -> Self {
        Self { children: Vec::new(), overflow: false }
    }
}

impl<C> Out<C> {
    /// Appends a child row. Its number is the row's own counter.
    pub fn append(&mut self, child: C) {
        self.children.push(child);
    }
    /// Adds to a sum. Out of range stops the engine at this event: a sum never wraps.
    pub fn add(&mut self, cell: &mut i64, amount: i64) {
        match cell.checked_add(amount) {
            Some(sum) => *cell = sum,
            None => self.overflow = true,
        }
    }
    /// Adds a product to a sum, as [`add`](Self::add).
    pub fn add_product(&mut self, cell: &mut i64, a: i64, b: i64) {
        match a.checked_mul(b).and_then(|product| cell.checked_add(product)) {
            Some(sum) => *cell = sum,
            None => self.overflow = true,
        }
    }
    /// Takes from a sum, as [`add`](Self::add).
    pub fn take(&mut self, cell: &mut i64, amount: i64) {
        match cell.checked_sub(amount) {
            Some(sum) => *cell = sum,
            None => self.overflow = true,
        }
    }
}

/// A read model.
pub trait Model: Send + Sync + 'static {
    /// Its row type.
    type Row: Record;
    /// The type of the rows it appends; [`NoChild`](crate::record::NoChild) when it appends none.
    type Child: Record;
    /// Version of its layout and folds: raise it with any change of either, and stored rows are made anew when
    /// the file is next opened.
    const VERSION: u32;
    /// The event types it looks at.
    const KINDS: KindSet;
    /// What "as of a business time" means for it.
    const CUT: Cut = Cut::Occurred;
    /// The model whose rows it tallies: both are always made in the same pass.
    const TALLIES: Option<&'static str> = None;
    /// Indexes of its table besides the key's.
    const INDEXES: &'static [Index] = &[];

    /// Names the rows that `e` touches.
    fn route<'e>(e: &'e Envelope<'e>, keys: &mut Keys<'e>);
    /// The row of a key before its first event.
    fn empty(key: &Key<'_>) -> Self::Row;
    /// Changes the row of the `n`th key that [`route`](Self::route) named.
    fn fold(row: &mut Self::Row, n: usize, e: &Envelope<'_>, world: &World, out: &mut Out<Self::Child>);
    /// Whether the row is part of the table; a row that is not is not stored.
    fn present(row: &Self::Row) -> bool {
        let _ = row;
        true
    }
}
