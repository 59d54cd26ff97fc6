-- The engine's own tables in a schema of read models. The tables of the models derive from their row types.

-- How far each model has come, and which of its tables (name__rN, N = generation) its stable views show. Who writes
-- locks it against others who do, who flips views also against those who read.
CREATE TABLE _models (
    model      text COLLATE "C" PRIMARY KEY,
    version    bigint NOT NULL,  -- of its layout and folds; another one is made anew on opening
    generation bigint NOT NULL,
    position   bigint NOT NULL   -- everything through here is applied
) WITH (fillfactor = 50);

-- layout: version of these tables; journal: id of the first event of the journal they were made from; world: closed
-- periods and settings, JSON; recorded_at: of the last event applied, microseconds.
CREATE TABLE _state (
    name  text COLLATE "C" PRIMARY KEY,
    value text NOT NULL
) WITH (fillfactor = 50);
