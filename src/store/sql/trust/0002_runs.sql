-- trust.db, schema 2: guids by repo, restic processes by operation.

-- Which repository a repo was found to be: one known once and now missing is an error, never created
-- again. The place is a SHA-256 of its uri without credentials: a repo that is pointed elsewhere
-- begins anew there, and is known again when it is pointed back.
CREATE TABLE repo_guid (
    repo     TEXT NOT NULL,
    place    BLOB NOT NULL CHECK (length(place) = 32),
    guid     TEXT NOT NULL,
    known_at INTEGER NOT NULL,
    PRIMARY KEY (repo, place)
) STRICT, WITHOUT ROWID;

-- restic processes of ours of which something may be left, the process or its lock: after a kill they
-- tell whose stale lock may be removed, also when the history is gone.
CREATE TABLE open_run (
    operation BLOB NOT NULL PRIMARY KEY CHECK (length(operation) = 16),
    repo      TEXT NOT NULL,
    plan      TEXT,
    pid       INTEGER NOT NULL,
    since     INTEGER NOT NULL,
    -- How its operation ended; NULL while it has not.
    ended     TEXT
) STRICT, WITHOUT ROWID;

-- Nothing has filled it, and its uris could hold credentials.
DROP TABLE known_repo;

-- A success counts for the repo that it went to; NULL in a row of schema 1.
ALTER TABLE plan_run ADD COLUMN repo TEXT;
-- It is in open_run.
ALTER TABLE plan_run DROP COLUMN pid;
