//! What the file of read models says of itself: whose it is, which models it holds and how far each has come.

use std::path::Path;

use daybook_journal::{Filter, Journal, Micros, Position};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::error::ReadModelError;
use super::store::place::{Seat, Target};
use super::store::{self, Db, Optional as _, params};
use crate::world::World;

/// `DBRM`: a file of Daybook read models.
const APPLICATION_ID: i32 = 0x4442_524d;
/// Version of the engine's own tables.
const LAYOUT: i32 = 1;
/// How long a writer waits for another process's transaction, milliseconds.
const BUSY_TIMEOUT_MS: u64 = 10_000;
/// Page cache of the one writer, KiB.
const CACHE_KIB: i64 = 64 << 10;
/// Bytes of the file that a reader maps, at most, instead of copying it page by page: as many as SQLite takes.
const MAPPED: i64 = 0x7fff_0000;

/// The engine's own tables.
const TABLES: &str = include_str!("../../../migrations/sqlite/read_models/0001_engine.sql");

/// A model as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) model: String,
    pub(crate) version: u32,
    pub(crate) generation: u32,
    pub(crate) position: Position,
}

/// Where the models of the file stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct State {
    /// Folded through the lowest position of all models but those that follow apart.
    pub(crate) world: World,
    /// When the last event applied was recorded.
    pub(crate) recorded_at: Micros,
}

/// Why a file cannot go on as it is and is made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It is empty or of another layout of the engine.
    Layout,
    /// It was made from another journal, or from one that has since lost events.
    Journal,
}

fn configure(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(std::time::Duration::from_millis(BUSY_TIMEOUT_MS))?;
    db.pragma_update(None, "cache_size", -CACHE_KIB)?;
    db.pragma_update(None, "temp_store", "FILE")?;
    db.set_prepared_statement_cache_capacity(256);
    // A plan for all values: else each value bound makes SQLite, which has samples of the tables, plan anew, and that
    // takes longer than to look a row up.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Opens a file or a schema for the one writer.
pub(crate) fn open_at(seat: &Seat) -> Result<Db, ReadModelError> {
    match seat {
        Seat::File(path) => open(path),
        Seat::Database(target) => Ok(Db::to_write(target)?),
    }
}

/// The same for reading, beside the writer.
pub(crate) fn open_reader_at(seat: &Seat) -> Result<Db, ReadModelError> {
    match seat {
        Seat::File(path) => open_reader(path),
        Seat::Database(target) => Ok(Db::to_read(target)?),
    }
}

/// Opens the file for the one writer.
pub(crate) fn open(path: &Path) -> Result<Db, ReadModelError> {
    let db = Connection::open(path).map_err(|e| at(path, &e))?;
    configure(&db)?;
    let application: i32 =
        db.pragma_query_value(None, "application_id", |r| r.get(0)).map_err(|e| at(path, &e))?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
    if application != APPLICATION_ID && tables > 0 {
        return Err(ReadModelError::BadQuestion(format!(
            "{} is not a file of read models: name another with --read-models",
            path.display()
        )));
    }
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    Ok(Db::Sqlite(db))
}

/// Opens the file for reading, beside the writer.
pub(crate) fn open_reader(path: &Path) -> Result<Db, ReadModelError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(|e| at(path, &e))?;
    configure(&db)?;
    db.pragma_update(None, "mmap_size", MAPPED)?;
    Ok(Db::Sqlite(db))
}

/// Opens the file for who must leave everything as it is, also the files that SQLite lays beside one that is looked at:
/// where there is no log of writes, nobody has the file open, and it is read without a lock.
pub(crate) fn open_untouched(path: &Path) -> Result<Db, ReadModelError> {
    // the log lies beside the file itself, not beside a link to it
    let whole = std::fs::canonicalize(path).map_err(|e| ReadModelError::file(path, &e))?;
    let mut log = whole.as_os_str().to_owned();
    log.push("-wal");
    if Path::new(&log).exists() || !cfg!(unix) {
        return open_reader(path);
    }
    let mut uri = "file:".to_owned();
    for byte in whole.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                uri.push(char::from(*byte))
            }
            _ => uri += &format!("%{byte:02X}"),
        }
    }
    uri += "?immutable=1";
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(uri, flags).map(Db::Sqlite).map_err(|e| at(path, &e))
}

/// Creates the file that a rebuild fills: no journal, no fsync until it is whole.
pub(crate) fn create(path: &Path) -> Result<Db, ReadModelError> {
    let db = Connection::open(path).map_err(|e| at(path, &e))?;
    configure(&db)?;
    db.pragma_update(None, "page_size", 8192)?;
    db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    db.pragma_update(None, "journal_mode", "OFF")?;
    db.pragma_update(None, "synchronous", "OFF")?;
    db.pragma_update(None, "threads", 2)?;
    db.pragma_update(None, "application_id", APPLICATION_ID)?;
    db.execute_batch(TABLES)?;
    Ok(Db::Sqlite(db))
}

/// Says that the file is whole, last of all: one that was cut short has no layout and is made anew.
pub(crate) fn complete(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch("PRAGMA optimize")?;
    db.pragma_update(None, "user_version", LAYOUT)
}

fn at(path: &Path, e: &rusqlite::Error) -> ReadModelError {
    ReadModelError::Store { path: path.display().to_string(), why: e.to_string(), transient: false }
}

/// Whether the file can go on from where it is.
pub(crate) fn fit(db: &Db, journal: &dyn Journal) -> Result<Result<(), Unfit>, ReadModelError> {
    match db {
        Db::Sqlite(db) => {
            let layout: i32 = db.pragma_query_value(None, "user_version", |r| r.get(0))?;
            if layout != LAYOUT {
                return Ok(Err(Unfit::Layout));
            }
        }
        Db::Postgres(server) => {
            if let Some(unfit) = fit_schema(db, server.target(), journal)? {
                return Ok(Err(unfit));
            }
        }
    }
    let furthest = models(db)?.iter().map(|m| m.position).max().unwrap_or(0);
    let of: Option<String> = value(db, "journal")?;
    let same = of.is_none() || of == first_event(journal)?;
    Ok(if same && furthest <= journal.head()? { Ok(()) } else { Err(Unfit::Journal) })
}

/// What only a schema is asked: unlike a file it is nobody's by its name alone, so it is made anew only for its own journal.
fn fit_schema(db: &Db, target: &Target, journal: &dyn Journal) -> Result<Option<Unfit>, ReadModelError> {
    let of = value(db, "journal")?;
    if of.is_some() && of != first_event(journal)? {
        return Err(ReadModelError::BadQuestion(format!(
            "{} holds the read models of another journal: name another schema behind the URL (?schema=NAME), or take these              away (DROP SCHEMA {} CASCADE)",
            target.name, target.schema
        )));
    }
    let stored = models(db)?;
    let known = crate::models::all(super::runner::Children::Hash);
    for runner in &known {
        let newer = |s: &&Stored| s.model == runner.name() && s.version > runner.version();
        if let Some(newer) = stored.iter().find(newer) {
            return Err(ReadModelError::BadQuestion(format!(
                "{} holds {} in version {}, this program knows {}: upgrade daybook",
                target.name,
                newer.model,
                newer.version,
                runner.version()
            )));
        }
    }
    Ok(stored.is_empty().then_some(Unfit::Layout))
}

/// The id of the journal's first event: what tells one journal from another.
pub(crate) fn first_event(journal: &dyn Journal) -> Result<Option<String>, ReadModelError> {
    let mut first = None;
    journal.scan(0, None, &Filter::default(), &mut |e| {
        first = Some(e.id.to_string());
        std::ops::ControlFlow::Break(())
    })?;
    Ok(first)
}

fn value(db: &Db, name: &str) -> store::Result<Option<String>> {
    let mut statement = db.prepare_cached("SELECT value FROM _state WHERE name = ?")?;
    statement.query_row(params![name], |r| r.get(0)).optional()
}

fn put(db: &Db, name: &str, value: &str) -> store::Result<()> {
    let put = "INSERT INTO _state VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    db.prepare_cached(put)?.execute(params![name, value]).map(drop)
}

/// The models of the file.
pub(crate) fn models(db: &Db) -> store::Result<Vec<Stored>> {
    let mut statement = db.prepare_cached("SELECT model, version, generation, position FROM _models")?;
    let rows = statement.query_map(&[], |r| {
        Ok(Stored {
            model: r.get(0)?,
            version: r.get(1)?,
            generation: r.get(2)?,
            position: r.get::<i64>(3)? as Position,
        })
    })?;
    rows.collect()
}

/// Says where a model stands.
pub(crate) fn put_model(db: &Db, m: &Stored) -> store::Result<()> {
    let put = "INSERT INTO _models VALUES (?, ?, ?, ?) ON CONFLICT (model) DO UPDATE SET \
               version = excluded.version, generation = excluded.generation, position = excluded.position";
    db.prepare_cached(put)?.execute(params![m.model, m.version, m.generation, m.position]).map(drop)
}

/// Moves a model that stands before `position` up to it.
pub(crate) fn advance(db: &Db, model: &str, position: Position) -> store::Result<()> {
    db.prepare_cached("UPDATE _models SET position = ?2 WHERE model = ?1 AND position < ?2")?
        .execute(params![model, position])
        .map(drop)
}

/// What is known beside the rows.
pub(crate) fn state(db: &Db) -> Result<State, ReadModelError> {
    let world = match value(db, "world")? {
        Some(text) => serde_json::from_str(&text)
            .map_err(|e| ReadModelError::BadQuestion(format!("the stored world cannot be read: {e}")))?,
        None => World::default(),
    };
    let recorded_at = value(db, "recorded_at")?.and_then(|v| v.parse().ok()).unwrap_or(0);
    Ok(State { world, recorded_at })
}

/// Keeps what is known beside the rows, whatever is kept already.
pub(crate) fn put_whole_state(db: &Db, new: &State) -> store::Result<()> {
    put(db, "world", &world_text(&new.world))?;
    put(db, "recorded_at", &new.recorded_at.to_string())
}

fn world_text(world: &World) -> String {
    serde_json::to_string(world).expect("invariant: the world is plain data")
}

/// Keeps what is known beside the rows.
pub(crate) fn put_state(db: &Db, old: &State, new: &State) -> store::Result<()> {
    if old.world != new.world {
        put(db, "world", &world_text(&new.world))?;
    }
    if old.recorded_at != new.recorded_at {
        put(db, "recorded_at", &new.recorded_at.to_string())?;
    }
    Ok(())
}

/// Remembers which journal the file was made from, once that has an event.
pub(crate) fn bind_to(db: &Db, journal: &dyn Journal) -> Result<(), ReadModelError> {
    if value(db, "journal")?.is_none()
        && let Some(first) = first_event(journal)?
    {
        put(db, "journal", &first)?;
    }
    Ok(())
}
