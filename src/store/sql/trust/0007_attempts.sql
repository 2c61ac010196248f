-- trust.db, schema 7: the operations of a run that is tried again, and locks that are in the way.

-- The flow of the attempt before; NULL for a first one.
ALTER TABLE task ADD COLUMN pending_flow BLOB CHECK (length(pending_flow) = 16);
ALTER TABLE task ADD COLUMN running_flow BLOB CHECK (length(running_flow) = 16);

CREATE TABLE repo_lock (
    repo   TEXT NOT NULL,
    -- Whose it is: host, user and process.
    holder TEXT NOT NULL,
    -- When it was first in the way.
    since  INTEGER NOT NULL,
    -- Whether hooks were told.
    told   INTEGER NOT NULL CHECK (told IN (0, 1)),
    PRIMARY KEY (repo, holder)
) STRICT, WITHOUT ROWID;
