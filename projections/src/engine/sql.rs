//! The SQL of tables, derived from row types, and the visitors that bind and read them.
//!
//! Layout. A model's rows lie in `name__rN` by `_id`, an integer drawn in order of creation: rows that are born
//! together are changed together, so live following touches few pages (random text keys cost 2.4 times as
//! much). The text key has a unique index. Child rows lie in a table without rowid by (`_parent`, `number`):
//! small, clustered with their siblings, no index needed. `N` counts rebuilds. Readers see only the views
//! `name`, without `_id` and with the parent's key in place of `_parent`.

use std::fmt::Write as _;

use rusqlite::Statement;
use rusqlite::types::{ToSqlOutput, ValueRef};

use super::store::{self, FromCell, Row};
use crate::model::{Index, Model};
use crate::record::{Column, Record, Sink, Source, Type};

/// The statements of one model in one generation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Statements {
    /// The table of rows, and that of child rows.
    pub table: String,
    pub child_table: String,
    /// Tables without their indexes.
    pub create: String,
    /// Unique key and secondary indexes.
    pub index: String,
    /// The stable views.
    pub views: String,
    /// `_id`, then all columns.
    pub insert: String,
    /// All columns that [`Masks::keyless`] lets through, then `_id`.
    pub update: String,
    /// All columns that [`Masks::plain`] lets through, then `_id`.
    pub update_plain: String,
    /// `_id` and all columns by key.
    pub load: String,
    pub delete: String,
    pub next_id: String,
    /// `_parent`, then all columns.
    pub insert_child: String,
}

/// Which columns of a row a visit takes.
#[derive(Clone, Debug)]
pub(crate) struct Masks {
    /// All but the key's.
    pub keyless: Vec<bool>,
    /// All but the key's and those of secondary indexes.
    pub plain: Vec<bool>,
    /// Those of secondary indexes.
    pub indexed: Vec<bool>,
}

impl Masks {
    pub(crate) fn of<M: Model>() -> Self {
        let columns = <M::Row as Record>::COLUMNS;
        let key = |c: &Column| <M::Row as Record>::KEY.contains(&c.name);
        let indexed = |c: &Column| {
            M::INDEXES.iter().any(|i| i.columns.contains(&c.name) || i.above_zero == Some(c.name))
        };
        Self {
            keyless: columns.iter().map(|c| !key(c)).collect(),
            plain: columns.iter().map(|c| !key(c) && !indexed(c)).collect(),
            indexed: columns.iter().map(indexed).collect(),
        }
    }
}

pub(crate) fn names(columns: &[Column]) -> String {
    columns.iter().map(|c| c.name).collect::<Vec<_>>().join(", ")
}

fn definitions(columns: &[Column]) -> String {
    columns.iter().fold(String::new(), |mut text, c| {
        let ty = match c.ty {
            Type::Integer => "INTEGER",
            Type::Text => "TEXT",
        };
        let null = if c.optional { "" } else { " NOT NULL" };
        let _ = write!(text, ", {} {ty}{null}", c.name);
        text
    })
}

fn marks(n: usize) -> String {
    vec!["?"; n].join(", ")
}

fn set(columns: &[Column], mask: &[bool]) -> String {
    let taken = columns.iter().zip(mask).filter(|(_, taken)| **taken);
    taken.map(|(c, _)| format!("{} = ?", c.name)).collect::<Vec<_>>().join(", ")
}

fn secondary(table: &str, n: usize, index: &Index) -> String {
    let only = index.above_zero.map_or(String::new(), |c| format!(" WHERE {c} > 0"));
    format!("CREATE INDEX {table}__i{n} ON {table}({}){only};\n", index.columns.join(", "))
}

/// Whether the model appends child rows.
pub(crate) const fn has_children<M: Model>() -> bool {
    !<M::Child as Record>::TABLE.is_empty()
}

impl Statements {
    pub(crate) fn of<M: Model>(generation: u32) -> Self {
        let columns = <M::Row as Record>::COLUMNS;
        let key = <M::Row as Record>::KEY;
        let (name, child_name) = (<M::Row as Record>::TABLE, <M::Child as Record>::TABLE);
        let (table, child) = (format!("{name}__r{generation}"), format!("{child_name}__r{generation}"));
        let child_columns = <M::Child as Record>::COLUMNS;
        let masks = Masks::of::<M>();

        let mut create =
            format!("CREATE TABLE {table}(_id INTEGER PRIMARY KEY{}) STRICT;\n", definitions(columns));
        let mut index = format!("CREATE UNIQUE INDEX {table}__key ON {table}({});\n", key.join(", "));
        let mut views = format!(
            "DROP VIEW IF EXISTS {name};\nCREATE VIEW {name} AS SELECT {} FROM {table};\n",
            names(columns)
        );
        for (n, i) in M::INDEXES.iter().enumerate() {
            index.push_str(&secondary(&table, n, i));
        }
        if has_children::<M>() {
            let _ = writeln!(
                create,
                "CREATE TABLE {child}(_parent INTEGER NOT NULL{}, PRIMARY KEY(_parent, number)) STRICT, \
                 WITHOUT ROWID;",
                definitions(child_columns)
            );
            let of_parent: Vec<_> = key.iter().map(|k| format!("p.{k} AS {k}")).collect();
            let own: Vec<_> = child_columns.iter().map(|c| format!("c.{0} AS {0}", c.name)).collect();
            let _ = writeln!(
                views,
                "DROP VIEW IF EXISTS {child_name};\nCREATE VIEW {child_name} AS SELECT {}, {} FROM {child} c \
                 JOIN {table} p ON p._id = c._parent;",
                of_parent.join(", "),
                own.join(", ")
            );
        }
        let by_key: Vec<_> = key.iter().map(|k| format!("{k} = ?")).collect();
        Self {
            create,
            index,
            views,
            insert: format!("INSERT INTO {table} VALUES ({})", marks(columns.len() + 1)),
            update: format!("UPDATE {table} SET {} WHERE _id = ?", set(columns, &masks.keyless)),
            update_plain: format!("UPDATE {table} SET {} WHERE _id = ?", set(columns, &masks.plain)),
            load: format!("SELECT _id, {} FROM {table} WHERE {}", names(columns), by_key.join(" AND ")),
            delete: format!("DELETE FROM {table} WHERE _id = ?"),
            next_id: format!("SELECT coalesce(max(_id), 0) + 1 FROM {table}"),
            insert_child: format!("INSERT INTO {child} VALUES ({})", marks(child_columns.len() + 1)),
            table,
            child_table: child,
        }
    }
}

/// Binds cells to a prepared statement, one parameter after the other; the first error is kept.
pub(crate) struct Bind<'a, 's> {
    statement: &'a mut Statement<'s>,
    at: usize,
    /// Whether each column still to come is bound; all where there is no mask.
    mask: Option<std::slice::Iter<'a, bool>>,
    error: Option<rusqlite::Error>,
}

impl<'a, 's> Bind<'a, 's> {
    pub(crate) fn all(statement: &'a mut Statement<'s>) -> Self {
        Self { statement, at: 0, mask: None, error: None }
    }
    pub(crate) fn masked(statement: &'a mut Statement<'s>, mask: &'a [bool]) -> Self {
        Self { statement, at: 0, mask: Some(mask.iter()), error: None }
    }
    fn next(&mut self) -> bool {
        let taken = self.mask.as_mut().is_none_or(|mask| mask.next().copied().unwrap_or(true));
        self.at += usize::from(taken);
        taken
    }
    fn set(&mut self, value: ValueRef<'_>) {
        if let Err(e) = self.statement.raw_bind_parameter(self.at, ToSqlOutput::Borrowed(value)) {
            self.error.get_or_insert(e);
        }
    }
    /// Binds a value of the engine's own, before or after the row's cells.
    pub(crate) fn own(&mut self, value: i64) {
        self.at += 1;
        self.set(ValueRef::Integer(value));
    }
    pub(crate) fn run(self) -> rusqlite::Result<()> {
        match self.error {
            Some(e) => Err(e),
            None => self.statement.raw_execute().map(|_| ()),
        }
    }
}

impl Sink for Bind<'_, '_> {
    fn integer(&mut self, value: Option<i64>) {
        if self.next() {
            self.set(value.map_or(ValueRef::Null, ValueRef::Integer));
        }
    }
    fn text(&mut self, value: Option<&str>) {
        if self.next() {
            self.set(value.map_or(ValueRef::Null, |v| ValueRef::Text(v.as_bytes())));
        }
    }
}

/// Reads cells from a row of a result, one column after the other; the first error is kept.
pub(crate) struct FromRow<'a, 's> {
    row: &'a Row<'s>,
    at: usize,
    error: Option<store::Error>,
}

impl<'a, 's> FromRow<'a, 's> {
    /// Reads a record whose first cell is column `at`.
    pub(crate) fn read<R: Record>(row: &'a Row<'s>, at: usize) -> store::Result<R> {
        let mut source = Self { row, at, error: None };
        let record = R::get(&mut source);
        source.error.map_or(Ok(record), Err)
    }
    fn take<T: FromCell>(&mut self) -> Option<T> {
        let value = self.row.get::<Option<T>>(self.at);
        self.at += 1;
        value.unwrap_or_else(|e| {
            self.error.get_or_insert(e);
            None
        })
    }
}

impl Source for FromRow<'_, '_> {
    fn integer(&mut self) -> Option<i64> {
        self.take()
    }
    fn text(&mut self) -> Option<String> {
        self.take()
    }
}
