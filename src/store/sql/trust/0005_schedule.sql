-- trust.db, schema 5: what runs by itself, when it is due, and what of it was started.

CREATE TABLE task (
    -- plan:ID or repo:ID:KIND.
    key                TEXT NOT NULL PRIMARY KEY,
    next_due           INTEGER,
    -- A run that is to be started; all four or none.
    pending_due        INTEGER,
    pending_since      INTEGER,
    pending_not_before INTEGER,
    pending_attempt    INTEGER,
    -- A run that was started and has not ended; all three or none. Written before it is started.
    running_due        INTEGER,
    running_at         INTEGER,
    running_attempt    INTEGER,
    -- The due times that were run for, oldest first: a JSON list of milliseconds.
    made               TEXT NOT NULL,
    -- Whether it was seen running after a plan, and which good run of that plan was the newest then.
    follows            INTEGER NOT NULL CHECK (follows IN (0, 1)),
    followed           INTEGER,
    paused             INTEGER NOT NULL CHECK (paused IN (0, 1)),
    -- NULL while paused: until a person resumes it.
    paused_until       INTEGER
) STRICT, WITHOUT ROWID;
