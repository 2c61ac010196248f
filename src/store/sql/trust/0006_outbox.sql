-- trust.db, schema 6: what somebody has to be told, and what was told already.

-- Messages that wait: until they are due, or for another try. Without any secret: who it goes to, and
-- how, is read from the configuration when it is delivered.
CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    hook       TEXT NOT NULL,
    -- The fields of the event; JSON.
    context    TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- When it may be delivered first; a day after that it is given up.
    first_due  INTEGER NOT NULL,
    due_at     INTEGER NOT NULL,
    failures   INTEGER NOT NULL DEFAULT 0,
    error      TEXT NOT NULL DEFAULT '',
    -- Held back on purpose: delivered together with what else is held.
    held       INTEGER NOT NULL,
    reminder   INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_by_due ON outbox (due_at);

-- What each hook knows of one state of one thing.
CREATE TABLE hook_state (
    hook    TEXT NOT NULL,
    subject TEXT NOT NULL,
    family  TEXT NOT NULL,
    event   TEXT NOT NULL,
    since   INTEGER NOT NULL,
    told_at INTEGER,
    -- The fields of its newest event, for a reminder.
    context TEXT NOT NULL,
    PRIMARY KEY (hook, subject, family)
) STRICT, WITHOUT ROWID;

-- Operations whose end was passed on: once, whatever arrives again.
CREATE TABLE told_end (
    origin    BLOB NOT NULL CHECK (length(origin) = 32),
    operation BLOB NOT NULL CHECK (length(operation) = 16),
    at        INTEGER NOT NULL,
    PRIMARY KEY (origin, operation)
) STRICT, WITHOUT ROWID;

-- Up to where the logs of peers were looked at, by the row of a shard in history.db.
CREATE TABLE told_place (
    shard INTEGER NOT NULL PRIMARY KEY,
    seq   INTEGER NOT NULL,
    chain BLOB NOT NULL CHECK (length(chain) = 32)
) STRICT;

-- Who is told nothing for a while; the empty name is everybody.
CREATE TABLE snooze (
    channel TEXT NOT NULL PRIMARY KEY,
    until   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
