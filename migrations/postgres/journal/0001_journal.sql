-- The journal: one row an event, never changed, never deleted; and one row that says how far it goes.
--
-- Whoever appends locks the row of `head` first and holds it until COMMIT: positions are given out one after the
-- other in the order of commits, none is ever skipped, and what lies up to `head.last` is all there. No sequence:
-- it hands out numbers that commit in another order, or never.
--
-- Names of streams, types and actors stand in the row: an append is one statement then, and a scan needs no other
-- table. They compare by bytes (COLLATE "C"), so that no change of a system library can disorder an index. No index
-- over random ids, as in SQLite. A command id is unique within its stream, which the writer keeps.

CREATE SCHEMA daybook_journal;

CREATE TABLE daybook_journal.schema (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    version integer NOT NULL               -- the step of the migrations that was taken last
);
INSERT INTO daybook_journal.schema (version) VALUES (0);

CREATE TABLE daybook_journal.head (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    last        bigint NOT NULL,           -- position of the last event, 0: there is none
    recorded_at bigint NOT NULL,           -- of that event
    writer      uuid NOT NULL              -- which opening of the journal wrote it
) WITH (fillfactor = 10);                  -- room for its many versions on one page
INSERT INTO daybook_journal.head (last, recorded_at, writer)
VALUES (0, 0, '00000000-0000-0000-0000-000000000000');

CREATE TABLE daybook_journal.events (
    position    bigint PRIMARY KEY,        -- 1, 2, 3, ...: commit order, without gaps
    stream      text COLLATE "C" NOT NULL, -- category-id
    version     bigint NOT NULL,           -- 1, 2, 3, ... within the stream
    kind        text COLLATE "C" NOT NULL, -- OrderPlaced
    schema      integer NOT NULL,          -- schema version of data, from 1
    occurred_at bigint NOT NULL,           -- microseconds since 1970, UTC: when it happened in the business
    recorded_at bigint NOT NULL,           -- the same: when the journal took it; strictly increasing
    actor       text COLLATE "C" NOT NULL, -- who acted: never personal data
    id          uuid NOT NULL,
    command     uuid NOT NULL,
    fingerprint uuid NOT NULL,             -- 16 bytes: of the command's content
    correlation uuid NOT NULL,
    refs        text NOT NULL,             -- a JSON object
    data        text NOT NULL,             -- a JSON object, byte for byte as appended
    UNIQUE (stream, version)
);

CREATE FUNCTION daybook_journal.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;

-- ALWAYS: also for a session that calls itself a replica.
CREATE TRIGGER events_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON daybook_journal.events
    FOR EACH STATEMENT EXECUTE FUNCTION daybook_journal.refuse();
ALTER TABLE daybook_journal.events ENABLE ALWAYS TRIGGER events_never_change;
CREATE TRIGGER head_never_goes BEFORE DELETE OR TRUNCATE ON daybook_journal.head
    FOR EACH STATEMENT EXECUTE FUNCTION daybook_journal.refuse();
ALTER TABLE daybook_journal.head ENABLE ALWAYS TRIGGER head_never_goes;

-- The head goes forwards only, and whoever waits for events hears of it when the transaction is committed.
CREATE FUNCTION daybook_journal.advance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.last < OLD.last OR NEW.recorded_at < OLD.recorded_at THEN
        RAISE EXCEPTION 'the journal is append-only' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    NOTIFY daybook_journal;
    RETURN NEW;
END $$;
CREATE TRIGGER head_advances BEFORE UPDATE ON daybook_journal.head
    FOR EACH ROW EXECUTE FUNCTION daybook_journal.advance();
ALTER TABLE daybook_journal.head ENABLE ALWAYS TRIGGER head_advances;

REVOKE ALL ON SCHEMA daybook_journal FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA daybook_journal FROM PUBLIC;
