//! Reading: a small pool of read-only connections, each with its cached statements and names.
//!
//! A row is visited where it lies: integers, blobs and texts are borrowed from SQLite, names from the reader's
//! pages; nothing is copied. A scan runs in chunks of [`CHUNK`] positions, each a statement run of its own, so a
//! long one never pins the write-ahead log, and costs one seek a chunk.
//!
//! A call takes a connection for its duration and opens one if all are out, so a visitor may read again.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error as SqlError, OptionalExtension, Result as SqlResult, Row};
use uuid::Uuid;

use super::names::Names;
use super::open::{self, explain};
use crate::{Filter, JournalError, Position, Recorded, Version, Visit};

/// Positions visited in one statement run.
const CHUNK: u64 = 16_384;
/// Connections kept open when nobody reads.
const IDLE: usize = 4;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT position, stream, version, kind, schema, occurred_at, recorded_at, actor, id, \
             command, fingerprint, correlation, refs, data FROM events ",
            $rest
        )
    };
}
/// Counted, not bounded by position: one step less for each row, and positions have no gaps.
const SCAN: &str = select!("WHERE position > ?1 ORDER BY position LIMIT ?2");
const STREAM: &str = select!("WHERE stream = ?1 AND version > ?2 AND version <= ?3 ORDER BY version");
const ONE: &str = select!("WHERE position = ?1");
const FIND_STREAM: &str = "SELECT id FROM stream WHERE name = ?1";
const LAST_VERSION: &str =
    "SELECT version FROM events WHERE stream = ?1 AND position <= ?2 ORDER BY version DESC LIMIT 1";
const POSITIONS: &str = "SELECT position FROM events WHERE stream = ?1 AND version > ?2 \
     AND version <= ?3 ORDER BY version";

pub(super) struct Readers {
    path: PathBuf,
    mmap_bytes: u64,
    idle: Mutex<Vec<Reader>>,
}

pub(super) struct Reader {
    conn: Connection,
    streams: Names,
    kinds: Names,
    actors: Names,
}

impl Readers {
    pub(super) fn new(path: &Path, mmap_bytes: u64) -> Self {
        Self { path: path.to_owned(), mmap_bytes, idle: Mutex::default() }
    }

    /// Runs `read` on a connection. After an error the connection is not used again.
    pub(super) fn with<T>(&self, read: impl FnOnce(&mut Reader) -> SqlResult<T>) -> Result<T, JournalError> {
        let idle = self.idle.lock().pop();
        let mut reader = match idle {
            Some(reader) => reader,
            None => Reader {
                conn: open::reader(&self.path, self.mmap_bytes)?,
                streams: Names::streams(),
                kinds: Names::kinds(),
                actors: Names::actors(),
            },
        };
        let value = read(&mut reader).map_err(|error| explain(&self.path, &error))?;
        let mut idle = self.idle.lock();
        if idle.len() < IDLE {
            idle.push(reader);
        }
        Ok(value)
    }

    pub(super) fn close(&self) {
        self.idle.lock().clear();
    }
}

impl Reader {
    pub(super) fn head(&mut self) -> SqlResult<Position> {
        self.conn
            .prepare_cached("SELECT coalesce(max(position), 0) FROM events")?
            .query_row([], |row| row.get(0))
    }

    /// Visits `after < position <= end`; returns where it stopped.
    pub(super) fn scan(
        &mut self,
        after: Position,
        end: Position,
        filter: &Filter,
        visit: Visit<'_>,
    ) -> SqlResult<Position> {
        let Self { conn, streams, kinds, actors } = self;
        let mut wanted = WantedKinds { filter, known: Vec::new() };
        let by_kind = filter.kinds.is_some();
        let by_category = filter.categories.is_some();
        let mut through = after;
        while through < end {
            let upto = end.min(through.saturating_add(CHUNK));
            let mut statement = conn.prepare_cached(SCAN)?;
            let mut rows = statement.query((through, upto - through))?;
            let mut last = upto;
            while let Some(row) = rows.next()? {
                if by_kind && !wanted.wants(conn, kinds, integer(row, 3)?)? {
                    continue;
                }
                let event = recorded(conn, row, streams, kinds, actors)?;
                // where rows are missing, which `verify` tells, others come in their place
                let position = event.position;
                if position > end {
                    return Ok(end);
                }
                last = last.max(position);
                if by_category && !filter.wants_stream(event.stream) {
                    continue;
                }
                if visit(event).is_break() {
                    return Ok(position);
                }
            }
            through = last;
        }
        Ok(through)
    }

    /// The id of a stream and its last version up to position `end`; `None`: it does not exist there yet.
    fn stream(&mut self, name: &str, end: Position) -> SqlResult<Option<(i64, Version)>> {
        let mut find = self.conn.prepare_cached(FIND_STREAM)?;
        let Some(id) = find.query_row([name], |row| row.get::<_, i64>(0)).optional()? else {
            return Ok(None);
        };
        let mut last = self.conn.prepare_cached(LAST_VERSION)?;
        Ok(last.query_row((id, end), |row| row.get(0)).optional()?.map(|version| (id, version)))
    }

    /// Visits `after < version` of a stream up to position `end`; returns its last version as it was before the
    /// first visit, so that "last" and "visited" agree.
    pub(super) fn read_stream(
        &mut self,
        name: &str,
        after: Version,
        end: Position,
        visit: Visit<'_>,
    ) -> SqlResult<Version> {
        let Some((id, last)) = self.stream(name, end)? else {
            return Ok(0);
        };
        let Self { conn, streams, kinds, actors } = self;
        let mut through = after;
        while through < last {
            let upto = last.min(through.saturating_add(CHUNK));
            let mut statement = conn.prepare_cached(STREAM)?;
            let mut rows = statement.query((id, through, upto))?;
            while let Some(row) = rows.next()? {
                if visit(recorded(conn, row, streams, kinds, actors)?).is_break() {
                    return Ok(last);
                }
            }
            through = upto;
        }
        Ok(last)
    }

    /// Merges streams by position. Only positions are held, a page of each stream at a time; they come from
    /// the index alone, and each event is then one seek.
    pub(super) fn read_streams(&mut self, names: &[&str], end: Position, visit: Visit<'_>) -> SqlResult<()> {
        let mut cursors = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for name in names {
            if let Some((stream, last)) = self.stream(name, end)?
                && seen.insert(stream)
            {
                cursors.push(Cursor { stream, last, through: 0, page: Vec::new() });
            }
        }
        let Self { conn, streams, kinds, actors } = self;
        let mut heads = std::collections::BinaryHeap::new();
        for (index, cursor) in cursors.iter_mut().enumerate() {
            heads.extend(cursor.next(conn)?.map(|p| std::cmp::Reverse((p, index))));
        }
        while let Some(std::cmp::Reverse((position, index))) = heads.pop() {
            let visited = conn
                .prepare_cached(ONE)?
                .query_row([position], |row| Ok(visit(recorded(conn, row, streams, kinds, actors)?)))?;
            if visited == ControlFlow::Break(()) {
                return Ok(());
            }
            heads.extend(cursors[index].next(conn)?.map(|p| std::cmp::Reverse((p, index))));
        }
        Ok(())
    }
}

/// The positions of one stream, a page at a time.
struct Cursor {
    stream: i64,
    last: Version,
    through: Version,
    /// Positions still to come, the next one last.
    page: Vec<Position>,
}

impl Cursor {
    fn next(&mut self, conn: &Connection) -> SqlResult<Option<Position>> {
        if self.page.is_empty() && self.through < self.last {
            let upto = self.last.min(self.through + 1024);
            let mut statement = conn.prepare_cached(POSITIONS)?;
            let rows = statement.query_map((self.stream, self.through, upto), |row| row.get(0))?;
            self.page = rows.collect::<SqlResult<_>>()?;
            self.page.reverse();
            self.through = upto;
        }
        Ok(self.page.pop())
    }
}

/// The kind filter by interned id: a name is compared once.
struct WantedKinds<'f> {
    filter: &'f Filter,
    known: Vec<Option<bool>>,
}

impl WantedKinds<'_> {
    fn wants(&mut self, conn: &Connection, kinds: &mut Names, id: i64) -> SqlResult<bool> {
        let index = usize::try_from(id).map_err(|_| SqlError::IntegralValueOutOfRange(3, id))?;
        if let Some(Some(wanted)) = self.known.get(index) {
            return Ok(*wanted);
        }
        let name = kinds.get(conn, id)?;
        let wanted = self.filter.kinds.as_ref().is_none_or(|all| all.iter().any(|k| k == name));
        if self.known.len() <= index {
            self.known.resize(index + 1, None);
        }
        self.known[index] = Some(wanted);
        Ok(wanted)
    }
}

/// The event of a row in the column order of `select!`.
#[inline]
fn recorded<'r>(
    conn: &Connection,
    row: &'r Row<'_>,
    streams: &'r mut Names,
    kinds: &'r mut Names,
    actors: &'r mut Names,
) -> SqlResult<Recorded<'r>> {
    let schema = integer(row, 4)?;
    Ok(Recorded {
        position: unsigned(row, 0)?,
        stream: streams.get(conn, integer(row, 1)?)?,
        version: unsigned(row, 2)?,
        kind: kinds.get(conn, integer(row, 3)?)?,
        schema: schema.try_into().map_err(|_| SqlError::IntegralValueOutOfRange(4, schema))?,
        occurred_at: integer(row, 5)?,
        recorded_at: integer(row, 6)?,
        actor: actors.get(conn, integer(row, 7)?)?,
        id: Uuid::from_bytes(bytes16(row, 8)?),
        command: Uuid::from_bytes(bytes16(row, 9)?),
        fingerprint: bytes16(row, 10)?,
        correlation: Uuid::from_bytes(bytes16(row, 11)?),
        refs: text(row, 12)?,
        data: text(row, 13)?,
    })
}

#[inline]
fn integer(row: &Row<'_>, column: usize) -> SqlResult<i64> {
    match row.get_ref(column)? {
        ValueRef::Integer(value) => Ok(value),
        other => Err(wrong(column, &other)),
    }
}

#[inline]
fn unsigned(row: &Row<'_>, column: usize) -> SqlResult<u64> {
    let value = integer(row, column)?;
    u64::try_from(value).map_err(|_| SqlError::IntegralValueOutOfRange(column, value))
}

#[inline]
fn bytes16(row: &Row<'_>, column: usize) -> SqlResult<[u8; 16]> {
    match row.get_ref(column)? {
        ValueRef::Blob(bytes) if bytes.len() == 16 => {
            let mut out = [0; 16];
            out.copy_from_slice(bytes);
            Ok(out)
        }
        other => Err(wrong(column, &other)),
    }
}

#[inline]
fn text<'r>(row: &'r Row<'_>, column: usize) -> SqlResult<&'r str> {
    match row.get_ref(column)? {
        ValueRef::Text(bytes) => {
            // what it refuses the slower one names
            simdutf8::basic::from_utf8(bytes)
                .or_else(|_| std::str::from_utf8(bytes))
                .map_err(|error| SqlError::Utf8Error(column, error))
        }
        other => Err(wrong(column, &other)),
    }
}

#[cold]
fn wrong(column: usize, value: &ValueRef<'_>) -> SqlError {
    SqlError::InvalidColumnType(column, "events".to_owned(), value.data_type())
}
