//! Events on their way to the server: a column each, so that one statement writes any number of them.

use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::Query;
use sqlx::{Error, Postgres};
use uuid::Uuid;

use crate::{Cause, Micros, NewEvent, Position, Version};

/// The head is moved by the statement that writes the events: there is no moment between the two.
const INSERT: &str = "WITH moved AS (UPDATE daybook_journal.head SET last = $15, recorded_at = $16, writer = $17) \
    INSERT INTO daybook_journal.events (position, stream, version, kind, schema, occurred_at, recorded_at, actor, \
    id, command, fingerprint, correlation, refs, data) SELECT * FROM unnest($1::int8[], $2::text[], $3::int8[], \
    $4::text[], $5::int4[], $6::int8[], $7::int8[], $8::text[], $9::uuid[], $10::uuid[], $11::uuid[], $12::uuid[], \
    $13::text[], $14::text[])";

/// Where an event goes.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub position: Position,
    pub stream: &'a str,
    pub version: Version,
    pub recorded_at: Micros,
}

/// Events that are not sent yet.
#[derive(Default)]
pub(super) struct Rows {
    positions: Vec<i64>,
    streams: Vec<String>,
    versions: Vec<i64>,
    kinds: Vec<String>,
    schemas: Vec<i32>,
    occurred: Vec<i64>,
    recorded: Vec<i64>,
    actors: Vec<String>,
    ids: Vec<Uuid>,
    commands: Vec<Uuid>,
    fingerprints: Vec<Uuid>,
    correlations: Vec<Uuid>,
    refs: Vec<String>,
    data: Vec<String>,
    bytes: usize,
}

impl Rows {
    /// Takes an event; its texts are copied, for its caller has it until the batch is written.
    pub(super) fn push(&mut self, at: Place<'_>, cause: &Cause, event: &NewEvent) {
        self.positions.push(at.position as i64);
        self.streams.push(at.stream.to_owned());
        self.versions.push(at.version as i64);
        self.kinds.push(event.kind.clone().into_owned());
        self.schemas.push(event.schema.into());
        self.occurred.push(event.occurred_at);
        self.recorded.push(at.recorded_at);
        self.actors.push(cause.actor.clone().into_owned());
        self.ids.push(event.id);
        self.commands.push(cause.command);
        self.fingerprints.push(Uuid::from_bytes(cause.fingerprint));
        self.correlations.push(cause.correlation);
        self.refs.push(event.refs.clone());
        self.data.push(event.data.clone());
        self.bytes += event.refs.len() + event.data.len();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// Events that wait.
    pub(super) fn len(&self) -> usize {
        self.positions.len()
    }

    /// Bytes of their refs and payloads.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Writes them and moves the head, inside the transaction that holds it.
    pub(super) async fn write(&mut self, conn: &mut PgConnection, writer: Uuid) -> Result<(), Error> {
        let (Some(&last), Some(&recorded_at)) = (self.positions.last(), self.recorded.last()) else {
            return Ok(());
        };
        let statement = std::mem::take(self).query(INSERT).bind(last).bind(recorded_at).bind(writer);
        statement.execute(conn).await.map(drop)
    }

    /// A statement with a parameter for each column.
    pub(super) fn query(self, sql: &'static str) -> Query<'static, Postgres, PgArguments> {
        sqlx::query(sql)
            .bind(self.positions)
            .bind(self.streams)
            .bind(self.versions)
            .bind(self.kinds)
            .bind(self.schemas)
            .bind(self.occurred)
            .bind(self.recorded)
            .bind(self.actors)
            .bind(self.ids)
            .bind(self.commands)
            .bind(self.fingerprints)
            .bind(self.correlations)
            .bind(self.refs)
            .bind(self.data)
    }
}
