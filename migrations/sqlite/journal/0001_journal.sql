-- The journal: one row an event, never changed, never deleted.
--
-- Names of streams, types and actors are interned to integers in creation order: a busy journal then appends
-- at the right edge of its B-trees. No index over random ids: it would cost four to seven times the speed of
-- an append. A command id is unique within its stream, which the writer keeps.

CREATE TABLE stream (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE              -- category-id
) STRICT;

CREATE TABLE kind (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE              -- OrderPlaced
) STRICT;

CREATE TABLE actor (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE              -- who acted: never personal data
) STRICT;

CREATE TABLE events (
    position    INTEGER PRIMARY KEY,       -- 1, 2, 3, ...: commit order, without gaps
    stream      INTEGER NOT NULL,          -- stream.id
    version     INTEGER NOT NULL,          -- 1, 2, 3, ... within the stream
    kind        INTEGER NOT NULL,          -- kind.id
    schema      INTEGER NOT NULL,          -- schema version of data, from 1
    occurred_at INTEGER NOT NULL,          -- microseconds since 1970, UTC: when it happened in the business
    recorded_at INTEGER NOT NULL,          -- the same: when the journal took it; strictly increasing
    actor       INTEGER NOT NULL,          -- actor.id
    id          BLOB NOT NULL,             -- 16 bytes
    command     BLOB NOT NULL,             -- 16 bytes
    fingerprint BLOB NOT NULL,             -- 16 bytes: of the command's content
    correlation BLOB NOT NULL,             -- 16 bytes
    refs        TEXT NOT NULL,             -- a JSON object
    data        TEXT NOT NULL,             -- a JSON object, byte for byte as appended
    UNIQUE (stream, version)
) STRICT;

CREATE TRIGGER events_are_never_updated BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER events_are_never_deleted BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER streams_are_never_updated BEFORE UPDATE ON stream
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER streams_are_never_deleted BEFORE DELETE ON stream
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER kinds_are_never_updated BEFORE UPDATE ON kind
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER kinds_are_never_deleted BEFORE DELETE ON kind
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER actors_are_never_updated BEFORE UPDATE ON actor
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER actors_are_never_deleted BEFORE DELETE ON actor
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
