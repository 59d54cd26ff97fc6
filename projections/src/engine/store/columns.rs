//! Rows on their way to PostgreSQL by the column: one statement takes any number of them.

use sqlx::Arguments as _;
use sqlx::postgres::PgArguments;

use super::cells::escaped;
use super::postgres::bad_value;
use super::{Pg, Result};
use crate::record::{Column, Record, Sink, Type};

/// Most rows of one statement.
const MOST: usize = 5_000;

/// The cells of rows.
enum Cells {
    Integers(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
}

impl Cells {
    const fn of(ty: Type) -> Self {
        match ty {
            Type::Integer => Self::Integers(Vec::new()),
            Type::Text => Self::Texts(Vec::new()),
        }
    }
    const fn array(&self) -> &'static str {
        match self {
            Self::Integers(_) => "bigint[]",
            Self::Texts(_) => "text[]",
        }
    }
}

/// Rows with a number of the engine's own (`_id` or `_parent`), column by column.
pub(crate) struct Columns {
    own: Vec<i64>,
    cells: Vec<Cells>,
    columns: &'static [Column],
    /// At which column the row under way is.
    at: usize,
}

impl Columns {
    /// Of rows of these columns.
    pub(crate) fn of(columns: &'static [Column]) -> Self {
        let cells = columns.iter().map(|column| Cells::of(column.ty)).collect();
        Self { own: Vec::new(), cells, columns, at: 0 }
    }

    /// Takes a row.
    pub(crate) fn push<R: Record>(&mut self, own: i64, row: &R) {
        self.own.push(own);
        self.at = 0;
        row.put(self);
    }

    /// Whether so many rows are here that they are to be written.
    pub(crate) fn is_full(&self) -> bool {
        self.own.len() >= MOST
    }

    /// Inserts them into a table of these columns behind the engine's own, and forgets them.
    pub(crate) fn insert(&mut self, table: &str, db: &Pg) -> Result<()> {
        if self.own.is_empty() {
            return Ok(());
        }
        let sql = format!("INSERT INTO {table} SELECT * FROM unnest({})", self.arrays());
        db.execute_with(sql, self.take()?).map(drop)
    }

    /// Updates the rows of a table by the engine's own number: all columns but these. Forgets them.
    pub(crate) fn update(&mut self, table: &str, but: &[&str], db: &Pg) -> Result<()> {
        if self.own.is_empty() {
            return Ok(());
        }
        let named = |n: usize| format!("c{n}");
        let numbered = self.columns.iter().enumerate().filter(|(_, c)| !but.contains(&c.name));
        let set: Vec<_> = numbered.map(|(n, c)| format!("{} = u.{}", c.name, named(n))).collect();
        let all: Vec<_> = (0..self.columns.len()).map(named).collect();
        let sql = format!(
            "UPDATE {table} t SET {} FROM unnest({}) AS u(_id, {}) WHERE t._id = u._id",
            set.join(", "),
            self.arrays(),
            all.join(", ")
        );
        db.execute_with(sql, self.take()?).map(drop)
    }

    fn arrays(&self) -> String {
        let cells = self.cells.iter().zip(2..).map(|(cells, n)| format!(", ${n}::{}", cells.array()));
        cells.fold("$1::bigint[]".to_owned(), |all, next| all + &next)
    }

    fn take(&mut self) -> Result<PgArguments> {
        let mut arguments = PgArguments::default();
        arguments.add(std::mem::take(&mut self.own)).map_err(bad_value)?;
        for cells in &mut self.cells {
            match cells {
                Cells::Integers(all) => arguments.add(std::mem::take(all)),
                Cells::Texts(all) => arguments.add(std::mem::take(all)),
            }
            .map_err(bad_value)?;
        }
        Ok(arguments)
    }
}

impl Sink for Columns {
    fn integer(&mut self, value: Option<i64>) {
        if let Some(Cells::Integers(all)) = self.cells.get_mut(self.at) {
            all.push(value);
        }
        self.at += 1;
    }
    fn text(&mut self, value: Option<&str>) {
        if let Some(Cells::Texts(all)) = self.cells.get_mut(self.at) {
            all.push(value.map(|text| escaped(text).into_owned()));
        }
        self.at += 1;
    }
}
