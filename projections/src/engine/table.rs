//! The rows of one model in memory: folded, looked up by borrowed keys, written out.

mod foreseen;
mod shown;

use std::any::Any;
use std::hash::{BuildHasher, Hash, Hasher};

use ahash::RandomState;
use hashbrown::HashTable;
use rusqlite::Connection;

use self::shown::Cells;
use super::error::ReadModelError;
use super::runner::{Children, Job, Runner, Writer};
use super::slots::{Slot, Slots};
use super::sql::{Bind, FromRow, Masks, Statements, has_children};
use super::store::{Columns, CopyRows, Db, Param, Pg};
use crate::digest::{Digest, RowHash, TableDigest};
use crate::model::{Cut, Envelope, Key, Keys, KindSet, MAX_KEY, Model, Out};
use crate::queries::RowVisit;
use crate::record::{Column, Record, Sink};
use crate::world::World;

/// The rows of `M`.
pub(crate) struct Table<M: Model> {
    slots: Slots<M::Row>,
    by_key: HashTable<u32>,
    hasher: RandomState,
    /// Slots that have changed since the last flush.
    dirty: Vec<u32>,
    next_id: i64,
    mode: Children,
    /// (`_parent`, child), waiting to be written or kept.
    children: Vec<(i64, M::Child)>,
    child_sum: TableDigest,
    out: Out<M::Child>,
    statements: Statements,
    masks: Masks,
    wanted: foreseen::Wanted,
}

impl<M: Model> Table<M> {
    pub(crate) fn new(mode: Children) -> Self {
        Self {
            slots: Slots::new(),
            by_key: HashTable::new(),
            hasher: RandomState::with_seeds(1, 2, 3, 4),
            dirty: Vec::new(),
            next_id: 1,
            mode,
            children: Vec::new(),
            child_sum: TableDigest { table: <M::Child as Record>::TABLE, rows: 0, digest: Digest::default() },
            out: Out::default(),
            statements: Statements::of::<M>(1),
            masks: Masks::of::<M>(),
            wanted: foreseen::Wanted::default(),
        }
    }

    /// The row of a key.
    pub(crate) fn row(&self, key: &Key<'_>) -> Option<&M::Row> {
        self.find(key).map(|at| &self.slots.get(at).row).filter(|row| M::present(row))
    }

    /// All rows, in order of creation.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &M::Row> {
        self.slots.iter().map(|s| &s.row).filter(|row| M::present(row))
    }

    /// The child rows of a key that were kept.
    pub(crate) fn children(&self, key: &Key<'_>) -> impl Iterator<Item = &M::Child> {
        let id = self.find(key).map(|at| self.slots.get(at).id);
        self.children.iter().filter(move |(parent, _)| Some(*parent) == id).map(|(_, c)| c)
    }

    fn find(&self, key: &Key<'_>) -> Option<u32> {
        let same = |at: &u32| self.slots.get(*at).row.key() == *key;
        self.by_key.find(self.hasher.hash_one(key), same).copied()
    }

    fn insert(&mut self, slot: Slot<M::Row>) -> u32 {
        let hash = self.hasher.hash_one(slot.row.key());
        let at = self.slots.push(slot);
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.by_key.insert_unique(hash, at, |at| hasher.hash_one(slots.get(*at).row.key()));
        at
    }

    /// The slot of a key: in memory, else as stored, else new.
    fn slot(&mut self, key: &Key<'_>, db: Option<&Db>) -> Result<u32, ReadModelError> {
        if let Some(at) = self.find(key) {
            return Ok(at);
        }
        if let Some(db) = db
            && let Some(slot) = self.load(key, db)?
        {
            return Ok(self.insert(slot));
        }
        let id = self.next_id;
        self.next_id += 1;
        Ok(self.insert(Slot { row: M::empty(key), id, indexed: 0, stored: false, dirty: false }))
    }

    fn load(&self, key: &Key<'_>, db: &Db) -> Result<Option<Slot<M::Row>>, ReadModelError> {
        let mut statement = db.prepare_cached(&self.statements.load)?;
        let mut parts = [Param::Text(None); MAX_KEY];
        for (param, part) in parts.iter_mut().zip(key.parts()) {
            *param = Param::from(*part);
        }
        let mut found = statement.query(&parts[..key.parts().len()])?;
        let Some(stored) = found.next()? else { return Ok(None) };
        let row: M::Row = FromRow::read(&stored, 1)?;
        let indexed = self.indexed_hash(&row);
        Ok(Some(Slot { row, id: stored.get(0)?, indexed, stored: true, dirty: false }))
    }

    fn indexed_hash(&self, row: &M::Row) -> u64 {
        if M::INDEXES.is_empty() {
            return 0;
        }
        let mut sink = MaskedHash { hasher: self.hasher.build_hasher(), mask: self.masks.indexed.iter() };
        row.put(&mut sink);
        sink.hasher.finish()
    }

    /// Writes rows that have changed, one by one: SQLite is a call away.
    fn write_rows(&mut self, dirty: &[u32], db: &Connection) -> Result<(), ReadModelError> {
        dirty.iter().try_for_each(|at| self.write_row(*at, db))
    }

    /// Writes rows that have changed, all of a kind at once: a server is a way away.
    fn send_rows(&mut self, dirty: &[u32], db: &Pg) -> Result<(), ReadModelError> {
        let columns = <M::Row as Record>::COLUMNS;
        let (mut new, mut changed) = (Columns::of(columns), Columns::of(columns));
        let mut gone = Vec::new();
        let (table, key) = (&self.statements.table, <M::Row as Record>::KEY);
        for at in dirty {
            let slot = self.slots.get_mut(*at);
            let present = M::present(&slot.row);
            match (slot.stored, present) {
                (false, true) => new.push(slot.id, &slot.row),
                (true, true) => changed.push(slot.id, &slot.row),
                (true, false) => gone.push(slot.id),
                (false, false) => {}
            }
            (slot.stored, slot.dirty) = (present, false);
            if new.is_full() {
                new.insert(table, db)?;
            }
            if changed.is_full() {
                changed.update(table, key, db)?;
            }
        }
        // a key may have been given up by one row and taken by another
        db.delete(table, gone)?;
        changed.update(table, key, db)?;
        Ok(new.insert(table, db)?)
    }

    fn write_row(&mut self, at: u32, db: &Connection) -> Result<(), ReadModelError> {
        let indexed = self.indexed_hash(&self.slots.get(at).row);
        let slot = self.slots.get_mut(at);
        let present = M::present(&slot.row);
        if !slot.stored {
            if present {
                insert_all(&self.statements.insert, [(slot.id, &slot.row)], db)?;
            }
        } else if present {
            // SQLite rewrites the entries of every index that an UPDATE names, changed or not
            let (sql, mask) = if slot.indexed == indexed {
                (&self.statements.update_plain, &self.masks.plain)
            } else {
                (&self.statements.update, &self.masks.keyless)
            };
            let mut statement = db.prepare_cached(sql)?;
            let mut bind = Bind::masked(&mut statement, mask);
            slot.row.put(&mut bind);
            bind.own(slot.id);
            bind.run()?;
        } else {
            db.prepare_cached(&self.statements.delete)?.execute([slot.id])?;
        }
        (slot.stored, slot.indexed, slot.dirty) = (present, indexed, false);
        Ok(())
    }

    /// Takes the child rows that a fold of the row at `at` gave out.
    fn take_out(&mut self, at: u32) {
        let slot = self.slots.get(at);
        for child in self.out.children.drain(..) {
            if self.mode != Children::Write {
                self.child_sum.rows += 1;
                self.child_sum.digest.add(child_hash(&slot.row.key(), &child));
            }
            if self.mode != Children::Hash {
                self.children.push((slot.id, child));
            }
        }
    }
}

impl<M: Model> Runner for Table<M> {
    fn name(&self) -> &'static str {
        <M::Row as Record>::TABLE
    }
    fn tables(&self) -> Vec<&'static str> {
        let all = [<M::Row as Record>::TABLE, <M::Child as Record>::TABLE];
        all.into_iter().filter(|t| !t.is_empty()).collect()
    }
    fn stored_tables(&self) -> Vec<String> {
        let child = has_children::<M>().then(|| self.statements.child_table.clone());
        std::iter::once(self.statements.table.clone()).chain(child).collect()
    }
    fn columns(&self) -> Vec<(&'static str, &'static [Column])> {
        let own = (<M::Row as Record>::TABLE, <M::Row as Record>::COLUMNS);
        let children = (<M::Child as Record>::TABLE, <M::Child as Record>::COLUMNS);
        if has_children::<M>() { vec![own, children] } else { vec![own] }
    }
    fn viewed(&self) -> Vec<(&'static str, Vec<Column>)> {
        let key = <M::Row as Record>::COLUMNS.iter().filter(|c| <M::Row as Record>::KEY.contains(&c.name));
        let mut views: Vec<_> = self.columns().into_iter().map(|(name, own)| (name, own.to_vec())).collect();
        if let Some((_, columns)) = views.get_mut(1) {
            columns.splice(0..0, key.copied());
        }
        views
    }
    fn version(&self) -> u32 {
        M::VERSION
    }
    fn kinds(&self) -> KindSet {
        M::KINDS
    }
    fn tallies(&self) -> Option<&'static str> {
        M::TALLIES
    }
    fn cut(&self) -> Cut {
        M::CUT
    }
    fn statements(&self) -> &Statements {
        &self.statements
    }

    fn attach(&mut self, generation: u32, db: Option<&Db>) -> Result<(), ReadModelError> {
        self.statements = Statements::of::<M>(generation);
        self.trim(0);
        if let Some(db) = db {
            self.next_id = db.query_row(&self.statements.next_id, &[], |r| r.get(0))?;
        }
        Ok(())
    }

    fn apply<'e>(
        &mut self,
        e: &'e Envelope<'e>,
        world: &World,
        keys: &mut Keys<'e>,
        db: Option<&Db>,
    ) -> Result<(), ReadModelError> {
        keys.clear();
        M::route(e, keys);
        for (n, key) in keys.iter().enumerate() {
            let at = self.slot(key, db)?;
            let slot = self.slots.get_mut(at);
            if !slot.dirty {
                slot.dirty = true;
                self.dirty.push(at);
            }
            M::fold(&mut slot.row, n, e, world, &mut self.out);
            if self.out.overflow {
                return Err(ReadModelError::Overflow { position: e.position, table: self.name() });
            }
            if has_children::<M>() {
                self.take_out(at);
            }
        }
        Ok(())
    }

    fn foresee<'e>(&mut self, e: &'e Envelope<'e>, keys: &mut Keys<'e>) {
        self.note(e, keys);
    }

    fn load_foreseen(&mut self, db: &Pg) -> Result<(), ReadModelError> {
        self.load_noted(db)
    }

    fn flush(&mut self, db: &Db) -> Result<u64, ReadModelError> {
        let dirty = std::mem::take(&mut self.dirty);
        match db {
            Db::Sqlite(db) => self.write_rows(&dirty, db)?,
            Db::Postgres(db) => self.send_rows(&dirty, db)?,
        }
        if has_children::<M>() {
            let children = self.children.iter().map(|(p, c)| (*p, c));
            match db {
                Db::Sqlite(db) => insert_all(&self.statements.insert_child, children, db)?,
                Db::Postgres(db) => send_all(&self.statements.child_table, children, db)?,
            }
        }
        let written = dirty.len() + self.children.len();
        self.children.clear();
        self.dirty = dirty;
        self.dirty.clear();
        Ok(written as u64)
    }

    fn trim(&mut self, most: usize) {
        if self.slots.len() > most || most == 0 {
            self.slots.clear();
            self.by_key.clear();
            self.dirty.clear();
            self.children.clear();
            self.out = Out::default();
            self.wanted = foreseen::Wanted::default();
        }
    }

    fn bytes(&self) -> usize {
        self.slots.bytes()
    }

    fn take_children(&mut self, least: usize) -> Option<Job> {
        if self.mode != Children::Write || self.children.is_empty() || self.children.len() < least {
            return None;
        }
        let capacity = self.children.len();
        let mut rows = std::mem::replace(&mut self.children, Vec::with_capacity(capacity));
        // siblings beside each other: fewer pages touched by the writer
        rows.sort_by_key(|(parent, _)| *parent);
        let (table, sql) = (self.statements.child_table.clone(), self.statements.insert_child.clone());
        Some(Box::new(move |to| write_all((&table, &sql), rows.iter().map(|(p, c)| (*p, c)), to)))
    }

    fn take_rows(&mut self) -> Job {
        self.by_key = HashTable::new();
        self.dirty = Vec::new();
        let slots = std::mem::replace(&mut self.slots, Slots::new());
        let (table, sql) = (self.statements.table.clone(), self.statements.insert.clone());
        Box::new(move |to| {
            slots.into_chunks().try_for_each(|chunk| {
                let present = chunk.iter().filter(|s| M::present(&s.row));
                write_all((&table, &sql), present.map(|s| (s.id, &s.row)), to)
            })
        })
    }

    fn visit_rows(&self, table: &str, visit: RowVisit<'_>) {
        if table == <M::Row as Record>::TABLE {
            let mut rows = self.rows();
            let _whole = rows.try_for_each(|row| Cells::default().and(row).show(visit));
            return;
        }
        // rows in memory alone are numbered as they are made
        let parent = |id: i64| u32::try_from(id - 1).ok().map(|at| &self.slots.get(at).row);
        let _whole = self.children.iter().try_for_each(|(id, child)| {
            let key = parent(*id).map(|row| row.key());
            Cells::of_key(key.as_ref()).and(child).show(visit)
        });
    }

    fn digests(&self) -> Vec<TableDigest> {
        let mut own = TableDigest { table: <M::Row as Record>::TABLE, rows: 0, digest: Digest::default() };
        for row in self.rows() {
            own.rows += 1;
            own.digest.add(row_hash(row));
        }
        let children = has_children::<M>().then(|| self.child_sum.clone());
        std::iter::once(own).chain(children).collect()
    }

    fn stored_digests(&self, db: &Db) -> Result<Vec<TableDigest>, ReadModelError> {
        super::digests::stored::<M>(db)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Inserts rows or child rows, each with its `_id` or `_parent`.
fn insert_all<'r, R: Record>(
    sql: &str,
    rows: impl IntoIterator<Item = (i64, &'r R)>,
    db: &Connection,
) -> Result<(), ReadModelError> {
    let mut statement = db.prepare_cached(sql)?;
    for (id, row) in rows {
        let mut bind = Bind::all(&mut statement);
        bind.own(id);
        row.put(&mut bind);
        bind.run()?;
    }
    Ok(())
}

/// The same in a database.
fn send_all<'r, R: Record>(
    table: &str,
    rows: impl IntoIterator<Item = (i64, &'r R)>,
    db: &Pg,
) -> Result<(), ReadModelError> {
    let mut columns = Columns::of(R::COLUMNS);
    for (id, row) in rows {
        columns.push(id, row);
        if columns.is_full() {
            columns.insert(table, db)?;
        }
    }
    Ok(columns.insert(table, db)?)
}

/// As [`insert_all`], in transactions of bounded size, or by `COPY`.
fn write_all<'r, R: Record>(
    (table, sql): (&str, &str),
    rows: impl IntoIterator<Item = (i64, &'r R)>,
    to: &mut Writer<'_>,
) -> Result<(), ReadModelError> {
    let db = match to.db {
        Db::Sqlite(db) => db,
        Db::Postgres(db) => {
            let mut copy = CopyRows::of(table);
            for (id, row) in rows {
                copy.push(id, row);
                copy.send_some(db)?;
            }
            return Ok(copy.send(db)?);
        }
    };
    let mut statement = db.prepare_cached(sql)?;
    for (id, row) in rows {
        let mut bind = Bind::all(&mut statement);
        bind.own(id);
        row.put(&mut bind);
        bind.run()?;
        to.wrote()?;
    }
    Ok(())
}

/// Hashes the cells that a mask names.
struct MaskedHash<'m, H> {
    hasher: H,
    mask: std::slice::Iter<'m, bool>,
}

impl<H: Hasher> Sink for MaskedHash<'_, H> {
    fn integer(&mut self, value: Option<i64>) {
        if self.mask.next() == Some(&true) {
            value.hash(&mut self.hasher);
        }
    }
    fn text(&mut self, value: Option<&str>) {
        if self.mask.next() == Some(&true) {
            value.hash(&mut self.hasher);
        }
    }
}

/// The hash of a row.
pub(crate) fn row_hash<R: Record>(row: &R) -> [u8; 32] {
    let mut hash = RowHash::default();
    row.put(hash.of(R::COLUMNS));
    hash.finish()
}

/// The hash of a child row: its parent's key, then its own cells.
pub(crate) fn child_hash<R: Record>(key: &Key<'_>, child: &R) -> [u8; 32] {
    let mut hash = RowHash::default();
    key.parts().iter().for_each(|part| hash.put_text(part));
    child.put(hash.of(R::COLUMNS));
    hash.finish()
}
