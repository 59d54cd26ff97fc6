-- The engine's own tables in a file of read models. The tables of the models derive from their row types.

-- How far each model has come, and which of its tables (name__rN, N = generation) its stable views show.
CREATE TABLE _models (
    model      TEXT PRIMARY KEY,
    version    INTEGER NOT NULL,  -- of its layout and folds; another one is made anew on opening
    generation INTEGER NOT NULL,
    position   INTEGER NOT NULL   -- everything through here is applied
) STRICT, WITHOUT ROWID;

-- journal: id of the first event of the journal it was made from; world: closed periods and settings, JSON;
-- recorded_at: of the last event applied, microseconds.
CREATE TABLE _state (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
