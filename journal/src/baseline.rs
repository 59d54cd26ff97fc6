//! What the machine and SQLite give without a journal: the denominators of every ratio.
//!
//! Noise between two minutes reaches 1.5x, so a figure of the journal means something only beside one of these
//! from the same run. They write the same rows with the same keys into the same tables, and read the same
//! columns; what they leave out is everything a journal is for: conditions, idempotency, callers.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use rusqlite::{Connection, OpenFlags, Result as SqlResult, params};
use uuid::Uuid;

use crate::sqlite::open::MIGRATIONS;
use crate::{Append, Cause, Expected, NewEvent};

/// How the streams of neighbouring appends relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locality {
    /// Any of a hundred thousand streams: the index over (stream, version) is met all over.
    Random,
    /// A thousand live streams of about five events each that move on, as orders do: an import.
    Local,
}

/// Appends of one event of about 290 bytes (refs and data), each with the version it expects. The same for the
/// same arguments.
#[must_use]
pub fn workload(appends: usize, locality: Locality) -> Vec<Append> {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut versions: HashMap<u64, u64> = HashMap::new();
    let mut one = |n: usize| {
        let stream = match locality {
            Locality::Random => next() % 100_000,
            Locality::Local => n as u64 / 5 + next() % 1_000,
        };
        let version = versions.entry(stream).or_insert(0);
        let expected = if *version == 0 { Expected::NoStream } else { Expected::At(*version) };
        *version += 1;
        let ids = |salt: u64, random: u64| Uuid::from_u64_pair(n as u64 ^ (salt << 56), random);
        let event = NewEvent {
            id: ids(1, next()),
            kind: ["OrderPlaced", "OrderFunded", "OrderShipped", "OrderDelivered"][n % 4].into(),
            schema: 1,
            occurred_at: 1_700_000_000_000_000 + n as i64,
            refs: format!(r#"{{"order":"{stream:032x}","merchant":"{:08x}"}}"#, stream % 977),
            data: format!(
                r#"{{"amount":{},"currency":"BRL","note":"{}"}}"#,
                next() % 1_000_000,
                "x".repeat(168)
            ),
        };
        let cause = Cause {
            command: ids(2, next()),
            fingerprint: (n as u128).to_le_bytes(),
            correlation: ids(3, next()),
            actor: "bench".into(),
        };
        Append { stream: format!("order-{stream:032x}"), expected, cause, events: vec![event] }
    };
    (0..appends).map(&mut one).collect()
}

/// Bytes of refs and data of an event, on average.
#[must_use]
pub fn bytes_per_event(appends: &[Append]) -> usize {
    let events = appends.iter().flat_map(|item| &item.events);
    let (count, bytes) =
        events.fold((0, 0), |(n, bytes), event| (n + 1, bytes + event.refs.len() + event.data.len()));
    bytes / usize::max(count, 1)
}

/// The rows of `appends` inserted into a new file at `path`, `batch` appends to a transaction, with the schema,
/// page size and durability of the journal and SQLite's own checkpoints. Ids are given out beforehand; only
/// inserts and commits are timed. A checkpoint left over at the end is not.
///
/// # Errors
/// What SQLite says.
pub fn raw_inserts(path: &Path, appends: &[Append], batch: usize) -> SqlResult<Duration> {
    raw_inserts_after(path, &[], appends, batch)
}

/// As [`raw_inserts`], with the rows of `before` already in the file when the clock starts: streams that exist,
/// an index that has its size.
///
/// # Errors
/// What SQLite says.
pub fn raw_inserts_after(
    path: &Path,
    before: &[Append],
    appends: &[Append],
    batch: usize,
) -> SqlResult<Duration> {
    let conn = Connection::open(path)?;
    conn.execute_batch(
        "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
         PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 10000",
    )?;
    MIGRATIONS.iter().try_for_each(|sql| conn.execute_batch(sql))?;
    let mut numbers = Numbers::default();
    let (rows_before, rows) = (numbers.of(&conn, before)?, numbers.of(&conn, appends)?);
    let mut position = 0_u64;
    insert(&conn, before, &rows_before, 10_000, &mut position)?;
    let began = Instant::now();
    insert(&conn, appends, &rows, batch, &mut position)?;
    Ok(began.elapsed())
}

fn insert(
    conn: &Connection,
    appends: &[Append],
    rows: &[Row],
    batch: usize,
    position: &mut u64,
) -> SqlResult<()> {
    for (appends, rows) in appends.chunks(batch.max(1)).zip(rows.chunks(batch.max(1))) {
        conn.execute_batch("BEGIN IMMEDIATE")?;
        let mut stream = conn.prepare_cached("INSERT INTO stream (id, name) VALUES (?1, ?2)")?;
        let mut event = conn.prepare_cached(
            "INSERT INTO events (position, stream, version, kind, schema, occurred_at, recorded_at, actor, id, \
             command, fingerprint, correlation, refs, data) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?;
        for (item, row) in appends.iter().zip(rows) {
            if row.version == 0 {
                stream.execute(params![row.stream, item.stream])?;
            }
            for (n, e) in (1..).zip(&item.events) {
                *position += 1;
                event.execute(params![
                    *position,
                    row.stream,
                    row.version + n,
                    row.kind,
                    e.schema,
                    e.occurred_at,
                    *position,
                    1,
                    e.id.as_bytes(),
                    item.cause.command.as_bytes(),
                    item.cause.fingerprint,
                    item.cause.correlation.as_bytes(),
                    e.refs,
                    e.data,
                ])?;
            }
        }
        conn.execute_batch("COMMIT")?;
    }
    Ok(())
}

/// The integers of an append: its stream's id and version before it, the id of its first event's type.
struct Row {
    stream: u64,
    version: u64,
    kind: i64,
}

/// Ids as they are given out: streams with their versions so far, types.
#[derive(Default)]
struct Numbers<'a> {
    streams: HashMap<&'a str, (u64, u64)>,
    kinds: HashMap<&'a str, i64>,
}

impl<'a> Numbers<'a> {
    fn of(&mut self, conn: &Connection, appends: &'a [Append]) -> SqlResult<Vec<Row>> {
        conn.execute("INSERT OR IGNORE INTO actor (id, name) VALUES (1, 'bench')", [])?;
        let mut rows = Vec::with_capacity(appends.len());
        for Append { stream, events, .. } in appends {
            for event in events {
                let next = self.kinds.len() as i64 + 1;
                if *self.kinds.entry(&event.kind).or_insert(next) == next {
                    let name = event.kind.as_ref();
                    conn.execute(
                        "INSERT OR IGNORE INTO kind (id, name) VALUES (?1, ?2)",
                        params![next, name],
                    )?;
                }
            }
            let next = self.streams.len() as u64 + 1;
            let (id, version) = self.streams.entry(stream).or_insert((next, 0));
            let kind = events.first().map_or(0, |event| self.kinds[event.kind.as_ref()]);
            rows.push(Row { stream: *id, version: *version, kind });
            *version += events.len() as u64;
        }
        Ok(rows)
    }
}

/// So many times 4 KiB written behind each other and made durable one by one: what one caller alone cannot beat.
///
/// # Errors
/// What the file system says.
pub fn fdatasync_loop(path: &Path, writes: usize) -> std::io::Result<Duration> {
    let mut file = File::options().create(true).truncate(false).write(true).open(path)?;
    file.seek(SeekFrom::End(0))?;
    let block = [0xdb_u8; 4096];
    let began = Instant::now();
    for _ in 0..writes {
        file.write_all(&block)?;
        file.sync_data()?;
    }
    Ok(began.elapsed())
}

/// A scan of all events that touches every column and understands none; returns events, a sum that keeps the
/// compiler honest, and the time.
///
/// # Errors
/// What SQLite says.
pub fn raw_scan(path: &Path) -> SqlResult<(u64, u64, Duration)> {
    use rusqlite::types::ValueRef;
    // Without the mutex, as every connection here: with it each column costs a lock.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.pragma_update(None, "mmap_size", 1_i64 << 30)?;
    let mut statement = conn.prepare(
        "SELECT position, stream, version, kind, schema, occurred_at, recorded_at, actor, id, command, \
         fingerprint, correlation, refs, data FROM events ORDER BY position",
    )?;
    let began = Instant::now();
    let (mut events, mut sum) = (0_u64, 0_u64);
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        for column in 0..14 {
            let touched = match row.get_ref(column)? {
                ValueRef::Integer(value) => value as u64,
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                    bytes.len() as u64 + u64::from(bytes.first().copied().unwrap_or(0))
                }
                ValueRef::Real(_) | ValueRef::Null => 0,
            };
            sum = sum.wrapping_add(touched);
        }
        events += 1;
    }
    Ok((events, sum, began.elapsed()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::tools::{block_on, log};
    use crate::sqlite::Options;
    use crate::{Journal, SqliteJournal};

    /// The ratio compares like with like: both files hold the same rows, the journal's clock aside.
    #[test]
    fn the_raw_inserts_write_the_rows_of_the_journal() {
        let dir = tempfile::tempdir().unwrap();
        for locality in [Locality::Random, Locality::Local] {
            let appends = workload(2_000, locality);
            assert!((270..310).contains(&bytes_per_event(&appends)));
            let raw = dir.path().join(format!("raw-{locality:?}.db"));
            raw_inserts(&raw, &appends, 100).unwrap();
            let path = dir.path().join(format!("journal-{locality:?}.db"));
            let journal = SqliteJournal::open(&path, Options::default()).unwrap();
            assert!(block_on(journal.append(appends)).iter().all(Result::is_ok));
            assert_eq!(log(&journal).len(), 2_000);
            drop(journal);
            assert_eq!(raw_scan(&raw).unwrap().0, 2_000);
            let conn = Connection::open(&path).unwrap();
            conn.execute("ATTACH ?1 AS raw", [raw.to_str().unwrap()]).unwrap();
            let differing = "SELECT count(*) FROM main.events m JOIN raw.events r USING (position) \
                 JOIN main.kind mk ON mk.id = m.kind JOIN raw.kind rk ON rk.id = r.kind \
                 JOIN main.stream ms ON ms.id = m.stream JOIN raw.stream rs ON rs.id = r.stream \
                 WHERE (m.stream, ms.name, m.version, mk.name, m.data, m.refs, m.command) \
                    IS NOT (r.stream, rs.name, r.version, rk.name, r.data, r.refs, r.command)";
            let differing: i64 = conn.query_row(differing, [], |row| row.get(0)).unwrap();
            assert_eq!(differing, 0);
        }
    }
}
