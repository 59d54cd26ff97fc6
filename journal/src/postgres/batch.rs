//! One batch: the head locked, what others wrote caught up with, the checks, the rows.
//!
//! ```text
//! BEGIN; SELECT ... FROM head FOR UPDATE     nobody else commits from here on
//! [SELECT ... WHERE position > known]        only when another process wrote since
//! [SELECT ... WHERE stream = ANY(...)]       only for streams that are not in the cache
//! WITH moved AS (UPDATE head ...) INSERT ... all events of all items
//! COMMIT
//! ```
//!
//! The head is locked by a statement of its own: one that locked and read at once would read what was committed
//! before it waited. What the cache holds of a stream is believed only while the head is where this process left
//! it, and that has just been read: a refusal from memory is a refusal from the database.
//!
//! Items see each other: the cache is updated as the batch goes. If it does not commit, all of it is forgotten.

use std::collections::VecDeque;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Error, Row};
use uuid::Uuid;

use super::rows::{Place, Rows};
use crate::queue::Entry;
use crate::streams::{SlotIndex, Streams};
use crate::{Append, Expected, JournalError, Micros, Position, Receipt, Version};

/// Events of others that are read to keep the cache; beyond, it is emptied.
const CATCH_UP: u64 = 20_000;
/// Bytes of payloads in one statement.
const STATEMENT_BYTES: usize = 4 << 20;
/// Events in one statement.
const STATEMENT_EVENTS: usize = 4_096;
/// Bytes of payloads in one transaction, about.
const BATCH_BYTES: usize = 32 << 20;

const LOCK: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT last, recorded_at, writer::text FROM daybook_journal.head FOR UPDATE";
const NEWS: &str = "SELECT stream, version, position, command FROM daybook_journal.events \
    WHERE position > $1 AND position <= $2 ORDER BY position";
const COMMANDS: &str = "SELECT stream, version, position, command FROM daybook_journal.events \
    WHERE stream = ANY($1) ORDER BY stream, version";
const REPEAT: &str = "SELECT position, version, command, fingerprint FROM daybook_journal.events \
    WHERE stream = $1 AND version >= (SELECT version FROM daybook_journal.events WHERE position = $2) \
    ORDER BY version LIMIT 1001";
const LATER: &str = "SELECT position FROM daybook_journal.events \
    WHERE position > $1 AND occurred_at < $2 AND kind = ANY($3) ORDER BY position LIMIT 1";

/// The head as it stands in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeadRow {
    pub last: Position,
    pub recorded_at: Micros,
    pub writer: Uuid,
}

/// What the writer knows of the log.
pub(super) struct Ledger {
    /// Names itself in the head.
    me: Uuid,
    head: HeadRow,
    /// The cache is as the log is up to here.
    known: Position,
    streams: Streams,
    rows: Rows,
}

/// How much of what waits a batch may take.
pub(super) struct Bounds {
    pub events: usize,
    pub now: Micros,
}

/// What a batch has answered so far.
#[derive(Default)]
pub(super) struct Batch {
    /// Answers each touched call had before the batch.
    pub before: Vec<usize>,
    /// Calls from the front that are answered in full.
    pub finished: usize,
}

impl Ledger {
    pub(super) fn new(me: Uuid, stream_entries: usize) -> Self {
        let head = HeadRow { last: 0, recorded_at: 0, writer: Uuid::nil() };
        Self { me, head, known: 0, streams: Streams::new(stream_entries), rows: Rows::default() }
    }

    /// Where the log ends, with what this batch has written.
    pub(super) fn last(&self) -> Position {
        self.head.last
    }

    /// Begins a transaction and locks the head.
    pub(super) async fn lock(&mut self, conn: &mut PgConnection) -> Result<HeadRow, Error> {
        let row = sqlx::raw_sql(LOCK).fetch_one(conn).await?;
        let writer = row.try_get::<&str, _>(2)?.parse().map_err(|error| Error::Decode(Box::new(error)))?;
        self.head = HeadRow { last: unsigned(&row, 0)?, recorded_at: row.try_get(1)?, writer };
        Ok(self.head)
    }

    /// Brings the cache to where the head is.
    pub(super) async fn catch_up(&mut self, conn: &mut PgConnection) -> Result<(), Error> {
        let behind = self.head.last.checked_sub(self.known);
        if behind != Some(0) {
            // Behind the cache: another server, or one that was set back.
            if self.known == 0 || behind.is_none_or(|behind| behind > CATCH_UP) {
                self.streams.clear(); // knowing nothing, there is nothing to bring up to date
            } else {
                let (known, last) = (self.known as i64, self.head.last as i64);
                let mut previous = None;
                for row in sqlx::query(NEWS).bind(known).bind(last).fetch_all(conn).await? {
                    self.take(&row, &mut previous)?;
                }
            }
            self.known = self.head.last;
        }
        Ok(())
    }

    /// An event of the log into the cache, if its stream is in it. `previous`: the stream and command of the event
    /// before.
    fn take(&mut self, row: &PgRow, previous: &mut Option<(SlotIndex, Uuid)>) -> Result<(), Error> {
        let name: &str = row.try_get(0)?;
        let hash = self.streams.hash(name);
        let Some(slot) = self.streams.find(hash, name) else {
            *previous = None;
            return Ok(());
        };
        self.streams.slot(slot).version = unsigned(row, 1)?;
        let command = row.try_get(3)?;
        // The events of a command follow each other in its stream; the first one stands for it.
        if previous.replace((slot, command)) != Some((slot, command)) {
            let tag = self.streams.tag(command);
            self.streams.add_command(slot, tag, unsigned(row, 2)?);
        }
        Ok(())
    }

    /// Forgets what was only thought to be written.
    pub(super) fn forget(&mut self) {
        self.streams.clear();
        self.rows = Rows::default();
        self.known = 0;
    }

    /// Call between batches: keeps the cache within its bound.
    pub(super) fn make_room(&mut self) {
        self.streams.make_room();
    }

    /// Answers what waits, from the front, until the batch is full; what is accepted is written, but not committed.
    pub(super) async fn fill(
        &mut self,
        conn: &mut PgConnection,
        pending: &mut VecDeque<Entry>,
        bounds: &Bounds,
        batch: &mut Batch,
    ) -> Result<(), Error> {
        self.admit(conn, pending, bounds).await?;
        let (mut events, mut bytes) = (0, 0);
        for Entry { answer, .. } in pending.iter_mut() {
            batch.before.push(answer.results.len());
            while let Some(item) = answer.items.get(answer.results.len()) {
                if events >= bounds.events || bytes >= BATCH_BYTES {
                    return self.write(conn).await;
                }
                let after_conflict = answer.conflicts.contains(&item.stream);
                let result = self.append(conn, item, after_conflict, bounds.now).await?;
                if let Err(JournalError::Conflict { stream, .. } | JournalError::Overtaken { stream, .. }) =
                    &result
                {
                    answer.conflicts.insert(stream.clone());
                }
                events += item.events.len();
                bytes += size(item);
                answer.results.push(result);
            }
            batch.finished += 1;
        }
        self.write(conn).await
    }

    /// Reads the streams of a batch that are not in the cache, all at once.
    async fn admit(
        &mut self,
        conn: &mut PgConnection,
        pending: &VecDeque<Entry>,
        bounds: &Bounds,
    ) -> Result<(), Error> {
        let (mut events, mut bytes) = (0, 0);
        let mut unknown: Vec<&str> = Vec::new();
        let waiting = pending.iter().flat_map(|entry| &entry.answer.items[entry.answer.results.len()..]);
        for item in waiting {
            if events >= bounds.events || bytes >= BATCH_BYTES {
                break;
            }
            events += item.events.len();
            bytes += size(item);
            let hash = self.streams.hash(&item.stream);
            if self.streams.find(hash, &item.stream).is_none() {
                self.streams.insert(hash, item.stream.clone(), 0, 0);
                unknown.push(&item.stream);
            }
        }
        if self.head.last == 0 || unknown.is_empty() {
            return Ok(());
        }
        use futures_util::TryStreamExt as _;
        let query = sqlx::query(COMMANDS).bind(unknown);
        let mut rows = query.fetch(conn);
        let mut previous = None;
        while let Some(row) = rows.try_next().await? {
            self.take(&row, &mut previous)?;
        }
        Ok(())
    }

    async fn append(
        &mut self,
        conn: &mut PgConnection,
        item: &Append,
        after_conflict: bool,
        now: Micros,
    ) -> Result<Result<Receipt, JournalError>, Error> {
        let lost = after_conflict && item.expected.follows();
        let hash = self.streams.hash(&item.stream);
        let slot = self.streams.find(hash, &item.stream).expect("invariant: the batch's streams were read");
        let tag = self.streams.tag(item.cause.command);
        for first in self.streams.first_positions(slot, tag) {
            if let Some(answer) = self.repeat(conn, first, item).await? {
                return Ok(answer);
            }
        }
        let before = self.streams.slot(slot).version;
        if lost || !item.expected.holds(before) {
            let (stream, expected) = (item.stream.clone(), item.expected);
            return Ok(Err(JournalError::Conflict { stream, expected, actual: before }));
        }
        if let Some(position) = self.overlooked(conn, item.expected).await? {
            return Ok(Err(JournalError::Overtaken { stream: item.stream.clone(), position }));
        }
        self.accept(conn, slot, tag, item, now).await.map(Ok)
    }

    async fn accept(
        &mut self,
        conn: &mut PgConnection,
        slot: SlotIndex,
        tag: u64,
        item: &Append,
        now: Micros,
    ) -> Result<Receipt, Error> {
        let first = self.head.last + 1;
        let mut version = self.streams.slot(slot).version;
        for event in &item.events {
            if self.rows.bytes() >= STATEMENT_BYTES || self.rows.len() >= STATEMENT_EVENTS {
                self.write(conn).await?;
            }
            version += 1;
            self.head.last += 1;
            self.head.recorded_at = now.max(self.head.recorded_at + 1);
            let at = Place {
                position: self.head.last,
                stream: &item.stream,
                version,
                recorded_at: self.head.recorded_at,
            };
            self.rows.push(at, &item.cause, event);
        }
        self.streams.slot(slot).version = version;
        self.streams.add_command(slot, tag, first);
        self.known = self.head.last;
        Ok(Receipt { first, last: self.head.last, version, replayed: false })
    }

    async fn write(&mut self, conn: &mut PgConnection) -> Result<(), Error> {
        if self.rows.is_empty() { Ok(()) } else { self.rows.write(conn, self.me).await }
    }

    /// The answer for a command that seems to be in the stream, its first event at `first`. `None`: another
    /// command with the same tag.
    async fn repeat(
        &mut self,
        conn: &mut PgConnection,
        first: Position,
        item: &Append,
    ) -> Result<Option<Result<Receipt, JournalError>>, Error> {
        // It may be one of this batch.
        self.write(conn).await?;
        let rows = sqlx::query(REPEAT).bind(&item.stream).bind(first as i64).fetch_all(conn).await?;
        let mut receipt = None;
        for row in rows {
            if row.try_get::<Uuid, _>(2)? != item.cause.command {
                break;
            }
            if row.try_get::<Uuid, _>(3)?.as_bytes() != &item.cause.fingerprint {
                let (stream, command) = (item.stream.clone(), item.cause.command);
                return Ok(Some(Err(JournalError::CommandReused { stream, command })));
            }
            let (last, version) = (unsigned(&row, 0)?, unsigned(&row, 1)?);
            receipt = Some(Receipt { first, last, version, replayed: true });
        }
        Ok(receipt.map(Ok))
    }

    /// The first event that should have been counted and was not, of those in the log and those before in this
    /// batch.
    async fn overlooked(
        &mut self,
        conn: &mut PgConnection,
        expected: Expected,
    ) -> Result<Option<Position>, Error> {
        let Expected::Counted { after, before, kinds, .. } = expected else { return Ok(None) };
        self.write(conn).await?;
        let query =
            sqlx::query(LATER).bind(i64::try_from(after).unwrap_or(i64::MAX)).bind(before).bind(kinds);
        query.fetch_optional(conn).await?.map(|row| unsigned(&row, 0)).transpose()
    }
}

fn size(item: &Append) -> usize {
    item.events.iter().map(|event| event.refs.len() + event.data.len()).sum()
}

/// A position or version.
pub(super) fn unsigned(row: &PgRow, column: usize) -> Result<Version, Error> {
    let value: i64 = row.try_get(column)?;
    u64::try_from(value).map_err(|error| Error::Decode(Box::new(error)))
}
