//! One batch: checks and inserts inside one transaction, against what the writer knows.
//!
//! Per item that costs, for a stream in the cache: one hash lookup, one probe of its commands, and an INSERT of
//! fourteen integers, blobs and texts per event. A new stream is one INSERT more; a stream that is not in the
//! cache is read once, command column only.
//!
//! Items see each other: the cache is updated as the batch goes, optimistically. If the batch does not commit,
//! the whole of it is forgotten ([`Ledger::reload`]) and read from the database again.

use hashbrown::HashMap;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Result as SqlResult, params};

use crate::restore::does_not_follow;
use crate::streams::{SlotIndex, Streams};
use crate::{Append, Expected, JournalError, Kept, Micros, Position, Receipt, Version};

const INSERT_EVENT: &str = "INSERT INTO events (position, stream, version, kind, schema, occurred_at, \
     recorded_at, actor, id, command, fingerprint, correlation, refs, data) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
const INSERT_STREAM: &str = "INSERT OR IGNORE INTO stream (id, name) VALUES (?1, ?2)";
const FIND_STREAM: &str = "SELECT id FROM stream WHERE name = ?1";
const STREAM_COMMANDS: &str =
    "SELECT position, version, command FROM events WHERE stream = ?1 ORDER BY version";
const COMMAND_ROWS: &str = "SELECT position, version, stream, command, fingerprint FROM events \
     WHERE position >= ?1 ORDER BY position";

const LATER: &str = "SELECT events.position, events.occurred_at, kind.name FROM events JOIN kind ON kind.id = events.kind \
     WHERE events.position > ?1 AND events.occurred_at < ?2 ORDER BY events.position";

/// What the writer knows of the log: the heads of everything that is numbered.
pub(super) struct Ledger {
    pub last: Position,
    last_recorded: Micros,
    next_stream: i64,
    streams: Streams,
    kinds: Interned,
    actors: Interned,
}

/// Names of types or actors; few, so all of them are kept.
struct Interned {
    ids: HashMap<String, i64, ahash::RandomState>,
    insert: &'static str,
}

impl Interned {
    fn load(conn: &Connection, select: &str, insert: &'static str) -> SqlResult<Self> {
        let mut statement = conn.prepare(select)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Self { ids: rows.collect::<SqlResult<_>>()?, insert })
    }

    fn id(&mut self, conn: &Connection, name: &str) -> SqlResult<i64> {
        if let Some(id) = self.ids.get(name) {
            return Ok(*id);
        }
        let id = self.ids.len() as i64 + 1;
        conn.prepare_cached(self.insert)?.execute(params![id, name])?;
        self.ids.insert(name.to_owned(), id);
        Ok(id)
    }
}

/// The statements of a batch, borrowed from the connection's cache once.
pub(super) struct Statements<'c> {
    conn: &'c Connection,
    event: CachedStatement<'c>,
    stream: CachedStatement<'c>,
}

impl<'c> Statements<'c> {
    pub(super) fn new(conn: &'c Connection) -> SqlResult<Self> {
        let event = conn.prepare_cached(INSERT_EVENT)?;
        let stream = conn.prepare_cached(INSERT_STREAM)?;
        Ok(Self { conn, event, stream })
    }
}

impl Ledger {
    /// Reads the heads. Costs three seeks and the names of types and actors.
    pub(super) fn load(conn: &Connection, stream_entries: usize) -> SqlResult<Self> {
        let kinds = ("SELECT name, id FROM kind", "INSERT INTO kind (name, id) VALUES (?2, ?1)");
        let actors = ("SELECT name, id FROM actor", "INSERT INTO actor (name, id) VALUES (?2, ?1)");
        let mut ledger = Self {
            last: 0,
            last_recorded: 0,
            next_stream: 1,
            streams: Streams::new(stream_entries),
            kinds: Interned::load(conn, kinds.0, kinds.1)?,
            actors: Interned::load(conn, actors.0, actors.1)?,
        };
        ledger.read_heads(conn)?;
        Ok(ledger)
    }

    /// Forgets what was only thought to be written.
    pub(super) fn reload(&mut self, conn: &Connection) -> SqlResult<()> {
        self.streams.clear();
        self.kinds = Interned::load(conn, "SELECT name, id FROM kind", self.kinds.insert)?;
        self.actors = Interned::load(conn, "SELECT name, id FROM actor", self.actors.insert)?;
        self.read_heads(conn)
    }

    fn read_heads(&mut self, conn: &Connection) -> SqlResult<()> {
        let last = "SELECT position, recorded_at FROM events ORDER BY position DESC LIMIT 1";
        let last = conn.query_row(last, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        (self.last, self.last_recorded) = last.unwrap_or((0, 0));
        let next = "SELECT coalesce(max(id), 0) + 1 FROM stream";
        self.next_stream = conn.query_row(next, [], |row| row.get(0))?;
        Ok(())
    }

    /// Call between batches: keeps the cache within its bound.
    pub(super) fn make_room(&mut self) {
        self.streams.make_room();
    }

    /// Writes one item or says why not; `after_conflict` when an item of the same call and stream was lost. An outer
    /// error is the database's and fails the whole batch.
    pub(super) fn append(
        &mut self,
        statements: &mut Statements<'_>,
        item: &mut Append,
        after_conflict: bool,
        now: Micros,
    ) -> SqlResult<Result<Receipt, JournalError>> {
        let lost = after_conflict && item.expected.follows();
        let hash = self.streams.hash(&item.stream);
        let tag = self.streams.tag(item.cause.command);
        let slot = match self.streams.find(hash, &item.stream) {
            Some(slot) => Some(slot),
            // A writer that expects events finds the stream there or is refused; nothing is created for it.
            None if lost || !item.expected.holds(0) => self.fetch(statements.conn, hash, &item.stream)?,
            None if matches!(item.expected, Expected::Counted { .. }) => {
                match self.fetch(statements.conn, hash, &item.stream)? {
                    None if overlooked(statements.conn, item.expected)?.is_none() => {
                        self.admit(statements, hash, item)?
                    }
                    found => found,
                }
            }
            None => self.admit(statements, hash, item)?,
        };
        let Some(slot) = slot else {
            let position = overlooked(statements.conn, item.expected)?;
            return Ok(Err(position.map_or_else(|| conflict(item, 0), |position| overtaken(item, position))));
        };
        for first in self.streams.first_positions(slot, tag) {
            if let Some(answer) = self.replay(statements.conn, slot, first, item)? {
                return Ok(answer);
            }
        }
        let (stream, before) = {
            let slot = self.streams.slot(slot);
            (slot.id, slot.version)
        };
        if lost || !item.expected.holds(before) {
            return Ok(Err(conflict(item, before)));
        }
        if let Some(position) = overlooked(statements.conn, item.expected)? {
            return Ok(Err(overtaken(item, position)));
        }
        let actor = self.actors.id(statements.conn, &item.cause.actor)?;
        let first = self.last + 1;
        let mut version = before;
        for event in &item.events {
            let kind = self.kinds.id(statements.conn, &event.kind)?;
            version += 1;
            self.last += 1;
            self.last_recorded = now.max(self.last_recorded + 1);
            statements.event.execute(params![
                self.last,
                stream,
                version,
                kind,
                event.schema,
                event.occurred_at,
                self.last_recorded,
                actor,
                event.id.as_bytes(),
                item.cause.command.as_bytes(),
                item.cause.fingerprint,
                item.cause.correlation.as_bytes(),
                event.refs,
                event.data,
            ])?;
        }
        self.streams.slot(slot).version = version;
        self.streams.add_command(slot, tag, first);
        Ok(Ok(Receipt { first, last: self.last, version, replayed: false }))
    }

    /// Writes an event as another journal has it, or says why it does not follow what is there.
    pub(super) fn restore(
        &mut self,
        statements: &mut Statements<'_>,
        kept: &Kept,
    ) -> SqlResult<Result<(), JournalError>> {
        let Kept { position, stream, version, recorded_at, cause, event } = kept;
        let hash = self.streams.hash(stream);
        let slot = match self.streams.find(hash, stream) {
            Some(slot) => slot,
            // A first event of a stream that the file has already does not make it anew.
            None if *version == 1 && statements.stream.execute(params![self.next_stream, stream])? > 0 => {
                self.next_stream += 1;
                self.streams.insert(hash, stream.clone(), self.next_stream - 1, 0)
            }
            None => match self.fetch(statements.conn, hash, stream)? {
                Some(slot) => slot,
                None => return Ok(Err(does_not_follow(kept, 0, self.last, self.last_recorded))),
            },
        };
        let before = self.streams.slot(slot).version;
        if *position != self.last + 1 || *version != before + 1 || *recorded_at <= self.last_recorded {
            return Ok(Err(does_not_follow(kept, before, self.last, self.last_recorded)));
        }
        let actor = self.actors.id(statements.conn, &cause.actor)?;
        let kind = self.kinds.id(statements.conn, &event.kind)?;
        let stream = self.streams.slot(slot).id;
        statements.event.execute(params![
            position,
            stream,
            version,
            kind,
            event.schema,
            event.occurred_at,
            recorded_at,
            actor,
            event.id.as_bytes(),
            cause.command.as_bytes(),
            cause.fingerprint,
            cause.correlation.as_bytes(),
            event.refs,
            event.data,
        ])?;
        self.streams.slot(slot).version = *version;
        (self.last, self.last_recorded) = (*position, *recorded_at);
        Ok(Ok(()))
    }

    /// Brings a stream into the cache, creating it if the item may. `None`: it does not exist.
    fn admit(
        &mut self,
        statements: &mut Statements<'_>,
        hash: u64,
        item: &mut Append,
    ) -> SqlResult<Option<SlotIndex>> {
        // Most streams met here are new: try that first, one statement instead of two.
        if statements.stream.execute(params![self.next_stream, item.stream])? == 0 {
            return self.fetch(statements.conn, hash, &item.stream);
        }
        let id = self.next_stream;
        self.next_stream += 1;
        Ok(Some(self.streams.insert(hash, std::mem::take(&mut item.stream), id, 0)))
    }

    /// Reads a stream's version and commands into the cache.
    fn fetch(&mut self, conn: &Connection, hash: u64, name: &str) -> SqlResult<Option<SlotIndex>> {
        let mut find = conn.prepare_cached(FIND_STREAM)?;
        let Some(id) = find.query_row([name], |row| row.get::<_, i64>(0)).optional()? else {
            return Ok(None);
        };
        let slot = self.streams.insert(hash, name.to_owned(), id, 0);
        let mut statement = conn.prepare_cached(STREAM_COMMANDS)?;
        let mut rows = statement.query([id])?;
        let mut previous = None;
        while let Some(row) = rows.next()? {
            self.streams.slot(slot).version = row.get(1)?;
            let command: [u8; 16] = row.get(2)?;
            // The events of a command follow each other in the stream; its first one stands for it.
            if previous.replace(command) != Some(command) {
                let tag = self.streams.tag(uuid::Uuid::from_bytes(command));
                self.streams.add_command(slot, tag, row.get(0)?);
            }
        }
        Ok(Some(slot))
    }

    /// The answer for a command that seems to be in the stream, its first event at `first`. `None`: another
    /// command with the same tag.
    fn replay(
        &mut self,
        conn: &Connection,
        slot: SlotIndex,
        first: Position,
        item: &Append,
    ) -> SqlResult<Option<Result<Receipt, JournalError>>> {
        let stream = self.streams.slot(slot).id;
        let mut statement = conn.prepare_cached(COMMAND_ROWS)?;
        let mut rows = statement.query([first])?;
        let mut receipt: Option<Receipt> = None;
        while let Some(row) = rows.next()? {
            let command: [u8; 16] = row.get(3)?;
            if row.get::<_, i64>(2)? != stream || command != *item.cause.command.as_bytes() {
                break;
            }
            let fingerprint: [u8; 16] = row.get(4)?;
            if fingerprint != item.cause.fingerprint {
                let stream = item.stream.clone();
                let command = item.cause.command;
                return Ok(Some(Err(JournalError::CommandReused { stream, command })));
            }
            let (last, version): (Position, Version) = (row.get(0)?, row.get(1)?);
            receipt = Some(Receipt { first, last, version, replayed: true });
        }
        Ok(receipt.map(Ok))
    }
}

/// The first event that should have been counted and was not, of those in the log and those written before in this batch.
fn overlooked(conn: &Connection, expected: Expected) -> SqlResult<Option<Position>> {
    let Expected::Counted { after, before, .. } = expected else { return Ok(None) };
    let mut statement = conn.prepare_cached(LATER)?;
    let mut rows = statement.query(params![after, before])?;
    while let Some(row) = rows.next()? {
        let (position, occurred_at) = (row.get(0)?, row.get(1)?);
        if expected.overlooks(position, row.get_ref(2)?.as_str()?, occurred_at) {
            return Ok(Some(position));
        }
    }
    Ok(None)
}

fn overtaken(item: &Append, position: Position) -> JournalError {
    JournalError::Overtaken { stream: item.stream.clone(), position }
}

fn conflict(item: &Append, actual: Version) -> JournalError {
    let (stream, expected) = (item.stream.clone(), item.expected);
    debug_assert!(expected != Expected::Any, "no condition cannot fail");
    JournalError::Conflict { stream, expected, actual }
}
