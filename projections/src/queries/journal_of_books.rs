//! The books in the order in which they are booked, for programs that read them from the beginning.

use std::ops::ControlFlow;

use crate::engine::store::{Db, params};
use daybook_domain::EventKind;
use daybook_journal::{Micros, Position};

use crate::engine::{ReadModelError, ReadModels};
use crate::models::entities::WORLD;

use super::books::{CLASSES, applied_by, generation};

/// An account of the books within a period, in one currency. Amounts are minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeriodAccount {
    /// Assets, Liabilities, Equity, Income or Expenses.
    pub class: String,
    /// Name within the class.
    pub name: String,
    /// Whose it is (an order, a merchant, a provider), or empty.
    pub dimension: String,
    /// ISO 4217 code.
    pub currency: String,
    /// Its balance (debits less credits) when the period begins.
    pub opening: i64,
    /// Entries within the period.
    pub entries: u64,
}

/// What is told of an event besides its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BookedEvent {
    /// Position in the journal.
    pub position: Position,
    /// Type.
    pub event: String,
    /// Its stream, `category-id`, where its references name it.
    pub stream: Option<String>,
    /// When it happened.
    pub occurred_at: Micros,
    /// When it is booked.
    pub booked_at: Micros,
}

/// An entry of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookedEntry {
    /// Which of the accounts.
    pub account: usize,
    /// Minor units; debit where positive, credit where negative.
    pub amount: i64,
}

/// Who reads the books. Either call may break off.
pub trait BookVisitor {
    /// The accounts, once: those that do not begin at zero or have entries; by class (assets first), name,
    /// dimension and currency.
    fn accounts(&mut self, accounts: Vec<PeriodAccount>) -> ControlFlow<()>;
    /// The events, in the order in which they are booked; entries debits first, then by account.
    fn event(&mut self, event: &BookedEvent, entries: &[BookedEntry]) -> ControlFlow<()>;
}

impl ReadModels {
    /// Visits what is booked from `from` (inclusive) to `until` (exclusive), and what the accounts stood at before.
    /// Takes memory for the accounts, not for the entries. Returns the position that the models had applied.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn visit_books(
        &self,
        from: Option<Micros>,
        until: Option<Micros>,
        visitor: &mut dyn BookVisitor,
    ) -> Result<Position, ReadModelError> {
        let (from, until) = (from.unwrap_or(Micros::MIN), until.unwrap_or(Micros::MAX));
        let world = self.all_streams(WORLD, WORLD)?;
        let books = world.into_iter().find(|stream| stream.starts_with("books-"));
        let db = self.read()?;
        let applied = applied_by(&db, "book_accounts")?;
        let (accounts, places) = accounts(&db, from, until)?;
        if visitor.accounts(accounts).is_continue() {
            events(&db, from, until, books.as_deref(), &places, visitor)?;
        }
        Ok(applied)
    }
}

/// The accounts of a period, and at which place each of them stands, by its interned id.
fn accounts(
    db: &Db,
    from: Micros,
    until: Micros,
) -> Result<(Vec<PeriodAccount>, Vec<usize>), ReadModelError> {
    let r = generation(db)?;
    let classes = CLASSES.replace("CASE class", "CASE a.class");
    let mut statement = db.prepare(&format!(
        "SELECT a._id, a.class, a.name, a.dimension, a.currency, s.opening, s.entries FROM \
         (SELECT _parent, sum(CASE WHEN booked_at < ?1 THEN amount ELSE 0 END) AS opening, \
         sum(CASE WHEN booked_at >= ?1 THEN 1 ELSE 0 END) AS entries \
         FROM book_entries__r{r} WHERE booked_at < ?2 GROUP BY _parent) s \
         JOIN book_accounts__r{r} a ON a._id = s._parent WHERE s.opening <> 0 OR s.entries > 0 \
         ORDER BY {classes}, a.name, a.dimension, a.currency"
    ))?;
    let mut rows = statement.query(params![from, until])?;
    let (mut accounts, mut places) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let id: usize = row.get(0)?;
        if places.len() <= id {
            places.resize(id + 1, usize::MAX);
        }
        places[id] = accounts.len();
        accounts.push(PeriodAccount {
            class: row.get(1)?,
            name: row.get(2)?,
            dimension: row.get(3)?,
            currency: row.get(4)?,
            opening: row.get(5)?,
            entries: row.get::<i64>(6)? as u64,
        });
    }
    Ok((accounts, places))
}

/// The events of a period. SQLite sorts the entries, in files where they are many.
fn events(
    db: &Db,
    from: Micros,
    until: Micros,
    books: Option<&str>,
    places: &[usize],
    visitor: &mut dyn BookVisitor,
) -> Result<(), ReadModelError> {
    let r = generation(db)?;
    let mut statement = db.prepare(&format!(
        "SELECT position, _parent, amount, booked_at, occurred_at, event, order_id, merchant_id, checkout_id \
         FROM book_entries__r{r} WHERE booked_at >= ?1 AND booked_at < ?2 ORDER BY booked_at, position"
    ))?;
    let mut rows = statement.query(params![from, until])?;
    let (mut event, mut entries) = (BookedEvent::default(), Vec::new());
    while let Some(row) = rows.next()? {
        let position = row.get::<i64>(0)? as Position;
        if position != event.position {
            if tell(visitor, &event, &mut entries).is_break() {
                return Ok(());
            }
            event = BookedEvent {
                position,
                event: row.get(5)?,
                stream: None,
                occurred_at: row.get(4)?,
                booked_at: row.get(3)?,
            };
            let id = match EventKind::parse(&event.event).map_or("", EventKind::category) {
                "order" => row.get::<Option<String>>(6)?.map(|id| format!("order-{id}")),
                category @ ("account" | "deposit" | "merchant") => {
                    row.get::<Option<String>>(7)?.map(|id| format!("{category}-{id}"))
                }
                "checkout" => row.get::<Option<String>>(8)?.map(|id| format!("checkout-{id}")),
                "books" => books.map(str::to_owned),
                _ => None,
            };
            event.stream = id;
        }
        let account = places[row.get::<usize>(1)?];
        entries.push(BookedEntry { account, amount: row.get(2)? });
    }
    let _ = tell(visitor, &event, &mut entries);
    Ok(())
}

fn tell(
    visitor: &mut dyn BookVisitor,
    event: &BookedEvent,
    entries: &mut Vec<BookedEntry>,
) -> ControlFlow<()> {
    if entries.is_empty() {
        return ControlFlow::Continue(());
    }
    entries.sort_unstable_by_key(|entry| (entry.amount < 0, entry.account));
    let flow = visitor.event(event, entries);
    entries.clear();
    flow
}
