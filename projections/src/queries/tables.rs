//! Whole tables, row by row, for programs that take them away: the read models' own and the events of the journal.

use std::ops::ControlFlow;

use crate::engine::runner::Children;
use crate::engine::store::Cell;
use crate::engine::{ReadModelError, ReadModels};
use crate::models;
use crate::record::{Column, Type, Unit};

/// A table with its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholeTable {
    /// Its name.
    pub name: &'static str,
    /// Its columns; of rows that belong to another, that row's key first.
    pub columns: Vec<Column>,
}

impl WholeTable {
    /// The column that says which currency the amounts of the column at `at` are in: of `paid_amount` that is
    /// `paid_currency` where there is one, else `currency`.
    #[must_use]
    pub fn currency_of(&self, at: usize) -> Option<usize> {
        let find = |name: &str| self.columns.iter().position(|c| c.name == name);
        let own =
            self.columns[at].name.split_once('_').and_then(|(word, _)| find(&format!("{word}_currency")));
        own.or_else(|| find("currency")).or_else(|| find("settlement_currency"))
    }
}

/// A cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellRef<'a> {
    /// Nothing.
    None,
    /// A number, minor units, microseconds, a flag.
    Integer(i64),
    /// Text.
    Text(&'a str),
}

/// The name of the table of events.
const EVENTS: &str = "events";

const fn column(name: &'static str, ty: Type, unit: Unit, doc: &'static str) -> Column {
    Column { name, ty, unit, optional: false, local: false, doc }
}

/// An event as it lies in the journal.
const EVENT_COLUMNS: [Column; 11] = [
    column("position", Type::Integer, Unit::Count, "Position in the journal."),
    column("stream", Type::Text, Unit::Text, "The stream, `category-id`."),
    column("version", Type::Integer, Unit::Count, "Version in the stream."),
    column("id", Type::Text, Unit::Text, "Identity of the event (UUID)."),
    column("type", Type::Text, Unit::Text, "Type."),
    column("schema", Type::Integer, Unit::Count, "Version of the type's schema."),
    column("occurred_at", Type::Integer, Unit::Time, "When it happened."),
    column("recorded_at", Type::Integer, Unit::Time, "When the journal took it."),
    column("actor", Type::Text, Unit::Text, "Who asked for it."),
    column("refs", Type::Text, Unit::Text, "What it is about, as JSON."),
    column("data", Type::Text, Unit::Text, "What happened, as JSON."),
];

/// Every table that can be taken away.
#[must_use]
pub fn whole_tables() -> Vec<WholeTable> {
    let own = models::all(Children::Hash).into_iter().flat_map(|runner| runner.viewed());
    let own = own.map(|(name, columns)| WholeTable { name, columns });
    own.chain([WholeTable { name: EVENTS, columns: EVENT_COLUMNS.to_vec() }]).collect()
}

/// Takes the cells of a row, in the order of the columns; may break off.
pub type RowVisit<'v> = &'v mut dyn FnMut(&[CellRef<'_>]) -> ControlFlow<()>;

impl ReadModels {
    /// Visits every row of a table, as it is at one moment.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn visit_table(&self, table: &WholeTable, visit: RowVisit<'_>) -> Result<(), ReadModelError> {
        if table.name == EVENTS { self.visit_events(visit) } else { self.visit_rows(table, visit) }
    }

    fn visit_rows(&self, table: &WholeTable, visit: RowVisit<'_>) -> Result<(), ReadModelError> {
        let db = self.read()?;
        let names: Vec<&str> = table.columns.iter().map(|c| c.name).collect();
        let names = names.join(", ");
        // it is visited and never held, so all of it may come
        let mut statement = db.prepare(&format!("SELECT {names} FROM {} LIMIT -1", table.name))?;
        let mut rows = statement.query(&[])?;
        while let Some(row) = rows.next()? {
            let mut held = Vec::with_capacity(table.columns.len());
            for at in 0..table.columns.len() {
                held.push(row.get_ref(at)?);
            }
            let shown = held.iter().map(|cell| match cell {
                Cell::Integer(n) => CellRef::Integer(*n),
                Cell::Text(text) => CellRef::Text(text),
                _ => CellRef::None,
            });
            let cells: Vec<CellRef<'_>> = shown.collect();
            if visit(&cells).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn visit_events(&self, visit: RowVisit<'_>) -> Result<(), ReadModelError> {
        let number = |n: u64| CellRef::Integer(i64::try_from(n).unwrap_or(i64::MAX));
        self.journal().scan(0, None, &daybook_journal::Filter::default(), &mut |e| {
            let id = e.id.to_string();
            visit(&[
                number(e.position),
                CellRef::Text(e.stream),
                number(e.version),
                CellRef::Text(&id),
                CellRef::Text(e.kind),
                number(u64::from(e.schema)),
                CellRef::Integer(e.occurred_at),
                CellRef::Integer(e.recorded_at),
                CellRef::Text(e.actor),
                CellRef::Text(e.refs),
                CellRef::Text(e.data),
            ])
        })?;
        Ok(())
    }
}
