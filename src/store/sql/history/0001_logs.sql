-- history.db, schema 1: the own log and what is held of the logs of peers (docs/protocol.md section 4).

-- What is said about this file, such as the damaged one that it replaces.
CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- A log: the own one, or a copy of a peer's. Named by its origin, never by a name that can change.
CREATE TABLE log (
    id                   INTEGER PRIMARY KEY,
    origin               BLOB NOT NULL UNIQUE CHECK (length(origin) = 32),
    -- The key behind the key id: a proof is checked with it, also when the peer is long gone.
    public_key           BLOB CHECK (length(public_key) = 32),
    -- NULL: nothing has been announced yet, so nothing is held.
    epoch                BLOB CHECK (length(epoch) = 16),
    -- Behind is: the root announced last is not the one last found equal to ours.
    announced_root       BLOB CHECK (length(announced_root) = 32),
    verified_root        BLOB CHECK (length(verified_root) = 32),
    verified_at          INTEGER,
    -- The newest signed statement of the origin about what is held here.
    checkpoint_root      BLOB CHECK (length(checkpoint_root) = 32),
    checkpoint_time      INTEGER,
    checkpoint_signature BLOB CHECK (length(checkpoint_signature) = 64),
    -- Counted as entries come and go: a count over a million rows for every question would not do.
    operations           INTEGER NOT NULL DEFAULT 0,
    entries              INTEGER NOT NULL DEFAULT 0,
    payload_bytes        INTEGER NOT NULL DEFAULT 0,
    -- When many operations at once were found to be no longer on the origin: an older copy of it.
    went_back_at         INTEGER,
    went_back_operations INTEGER NOT NULL DEFAULT 0
) STRICT;

-- A shard of a log: base and head outlive the entries between them.
CREATE TABLE shard (
    id           INTEGER PRIMARY KEY,
    log          INTEGER NOT NULL REFERENCES log (id),
    repo         TEXT NOT NULL,
    plan         TEXT NOT NULL,
    -- 0: of an earlier epoch only; the row stays as the name of what the archive has of it.
    held         INTEGER NOT NULL,
    base_seq     INTEGER NOT NULL,
    base_chain   BLOB NOT NULL CHECK (length(base_chain) = 32),
    head_seq     INTEGER NOT NULL,
    head_chain   BLOB NOT NULL CHECK (length(head_chain) = 32),
    hidden       INTEGER NOT NULL DEFAULT 0,
    -- Position of the newest expectation, 0 where there is none.
    expectation  INTEGER NOT NULL DEFAULT 0,
    -- Why nothing more of it is taken; NULL while it is.
    stopped      TEXT,
    -- The head that the checkpoint of the log covers; NULL where it covers none.
    signed_seq   INTEGER,
    signed_chain BLOB CHECK (length(signed_chain) = 32),
    -- Found by name at every batch.
    UNIQUE (log, repo, plan)
) STRICT;

-- The entries, in the order in which they are read, sent and proved.
CREATE TABLE entry (
    shard     INTEGER NOT NULL REFERENCES shard (id),
    seq       INTEGER NOT NULL,
    operation BLOB NOT NULL CHECK (length(operation) = 16),
    -- 0 first, 1 state, 2 removed, 3 expectation.
    kind      INTEGER NOT NULL,
    -- Position of the entry of the same operation before this one, or 0: what becomes the newest
    -- when a tail is cut.
    previous  INTEGER NOT NULL,
    -- Whether its payload must stay when a later entry supersedes it (R3).
    finished  INTEGER NOT NULL,
    -- Whether the payload is absent because it was damaged; blanked ones are absent without it.
    lost      INTEGER NOT NULL,
    digest    BLOB CHECK (length(digest) = 32),
    chain     BLOB NOT NULL CHECK (length(chain) = 32),
    payload   BLOB,
    PRIMARY KEY (shard, seq)
) STRICT, WITHOUT ROWID;

-- What to ask another side for; almost always empty.
CREATE INDEX entry_lost ON entry (shard, seq) WHERE lost;

-- What left a live log because the origin's chain took another way: it only grows (R3), until retention.
CREATE TABLE archive (
    shard       INTEGER NOT NULL REFERENCES shard (id),
    seq         INTEGER NOT NULL,
    chain       BLOB NOT NULL CHECK (length(chain) = 32),
    epoch       BLOB NOT NULL CHECK (length(epoch) = 16),
    operation   BLOB NOT NULL CHECK (length(operation) = 16),
    kind        INTEGER NOT NULL,
    finished    INTEGER NOT NULL,
    lost        INTEGER NOT NULL,
    digest      BLOB CHECK (length(digest) = 32),
    payload     BLOB,
    -- 0 fork, 1 gap.
    reason      INTEGER NOT NULL,
    archived_at INTEGER NOT NULL,
    -- The same entry archived twice is kept once.
    PRIMARY KEY (shard, seq, chain)
) STRICT, WITHOUT ROWID;

-- The archived states of one operation.
CREATE INDEX archive_operation ON archive (shard, operation);

-- One row per operation, its newest state: what lists and filters read.
CREATE TABLE operation (
    shard      INTEGER NOT NULL REFERENCES shard (id),
    id         BLOB NOT NULL CHECK (length(id) = 16),
    log        INTEGER NOT NULL REFERENCES log (id),
    -- Position of its newest live entry, 0 where only the archive has it.
    seq        INTEGER NOT NULL,
    removed    INTEGER NOT NULL DEFAULT 0,
    -- Its beginning was archived by a fork and nothing of it is live …
    orphan     INTEGER NOT NULL DEFAULT 0,
    -- … and that was so when the roots were equal: "no longer on the origin".
    gone       INTEGER NOT NULL DEFAULT 0,
    -- Its newest live entry has no payload.
    bare       INTEGER NOT NULL DEFAULT 0,
    -- NULL where no payload has told them, or not in words known here.
    kind       TEXT,
    status     TEXT,
    flow       BLOB CHECK (length(flow) = 16),
    -- Entries so far, as the newest state says; the next one of the own log counts on from it.
    revision   INTEGER NOT NULL DEFAULT 0,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER,
    snapshot   BLOB CHECK (length(snapshot) = 32),
    PRIMARY KEY (shard, id)
) STRICT, WITHOUT ROWID;

-- Lists are by time within a log; shard (part of every key) filters by repo and plan without a look at the row.
CREATE INDEX operation_time ON operation (log, started_at, id);
-- What runs now, and at a start what a dead daemon left running.
CREATE INDEX operation_open ON operation (log) WHERE seq > 0 AND status IN ('pending', 'running');
-- Decided anew whenever the roots are equal.
CREATE INDEX operation_orphan ON operation (shard) WHERE orphan;
-- Asked for when caught up.
CREATE INDEX operation_bare ON operation (shard, seq) WHERE bare;

-- The text that restic wrote, in pieces, for operations of this instance.
CREATE TABLE op_log (
    operation BLOB NOT NULL CHECK (length(operation) = 16),
    position  INTEGER NOT NULL,
    text      BLOB NOT NULL,
    PRIMARY KEY (operation, position)
) STRICT, WITHOUT ROWID;
