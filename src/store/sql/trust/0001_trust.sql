-- trust.db, schema 1: what others caused and must not be lost with the history.

-- Small single facts.
CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Instances we know, by key. A removed one stays as the deny list, until a later token or a person lifts it.
CREATE TABLE peer (
    key_id                BLOB NOT NULL PRIMARY KEY CHECK (length(key_id) = 32),
    -- NULL until a first session has shown it (a known host that is only declared).
    public_key            BLOB CHECK (length(public_key) = 32),
    -- As it calls itself; the label is what we call it.
    instance              TEXT NOT NULL,
    label                 TEXT,
    role                  TEXT NOT NULL,
    urls                  TEXT NOT NULL,
    -- What it may do here, as `permission=scope,scope …`.
    grants                TEXT NOT NULL,
    -- What it says that we may do there; JSON, for display and for what is worth asking.
    grants_received       TEXT NOT NULL,
    allowed_paths         TEXT NOT NULL,
    allow_remote_commands INTEGER NOT NULL,
    paired_at             INTEGER NOT NULL,
    last_heard            INTEGER,
    last_address          TEXT,
    software              TEXT,
    removed_at            INTEGER,
    -- The key that took this entry over.
    replaced_by           BLOB CHECK (length(replaced_by) = 32)
) STRICT, WITHOUT ROWID;

-- Process starts of a peer: one that returns after another was seen means a clone or a stolen key.
CREATE TABLE peer_boot (
    key_id  BLOB NOT NULL,
    boot_id BLOB NOT NULL CHECK (length(boot_id) = 16),
    number  INTEGER NOT NULL,
    PRIMARY KEY (key_id, boot_id)
) STRICT, WITHOUT ROWID;

-- Pairing tokens. The secret is not here, only its hash.
CREATE TABLE token (
    id          TEXT NOT NULL PRIMARY KEY,
    secret_hash BLOB NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    label       TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER,
    max_uses    INTEGER NOT NULL,
    uses        INTEGER NOT NULL DEFAULT 0,
    revoked     INTEGER NOT NULL DEFAULT 0,
    grants      TEXT NOT NULL,
    asks        TEXT NOT NULL,
    replaces    BLOB CHECK (length(replaces) = 32)
) STRICT, WITHOUT ROWID;

-- Who came in by which token.
CREATE TABLE token_use (
    token   TEXT NOT NULL,
    key_id  BLOB NOT NULL,
    used_at INTEGER NOT NULL,
    PRIMARY KEY (token, key_id, used_at)
) STRICT, WITHOUT ROWID;

-- Repos that peers push to us, also those that a person deleted here: they stay deleted.
CREATE TABLE received_repo (
    origin     BLOB NOT NULL CHECK (length(origin) = 32),
    id         TEXT NOT NULL,
    guid       TEXT NOT NULL,
    uri        TEXT NOT NULL,
    password   TEXT,
    env        TEXT NOT NULL,
    state      TEXT NOT NULL,
    detail     TEXT NOT NULL,
    dropped    TEXT NOT NULL,
    revision   INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (origin, id)
) STRICT, WITHOUT ROWID;

-- Un-share, revocation and removal that we have to tell: sent until acknowledged. Numbers are never used twice.
CREATE TABLE outgoing_record (
    number          INTEGER PRIMARY KEY AUTOINCREMENT,
    peer            BLOB NOT NULL CHECK (length(peer) = 32),
    guid            TEXT NOT NULL,
    repo            TEXT NOT NULL,
    reason          TEXT NOT NULL,
    at              INTEGER NOT NULL,
    acknowledged_at INTEGER
) STRICT;

-- At the start of a session: what this peer has not acknowledged.
CREATE INDEX outgoing_record_open ON outgoing_record (peer, number) WHERE acknowledged_at IS NULL;

-- The same, as told to us: acting on one twice would disable what a person has enabled since.
CREATE TABLE incoming_record (
    peer    BLOB NOT NULL CHECK (length(peer) = 32),
    number  INTEGER NOT NULL,
    guid    TEXT NOT NULL,
    repo    TEXT NOT NULL,
    reason  TEXT NOT NULL,
    at      INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (peer, number)
) STRICT, WITHOUT ROWID;

-- Which repository was found where: one known once and now missing is an error, never created again.
CREATE TABLE known_repo (
    uri      TEXT NOT NULL,
    guid     TEXT NOT NULL,
    known_at INTEGER NOT NULL,
    PRIMARY KEY (uri, guid)
) STRICT, WITHOUT ROWID;

-- The last run of each plan; what is left running after a kill tells whose stale lock may be removed.
CREATE TABLE plan_run (
    plan         TEXT NOT NULL PRIMARY KEY,
    operation    BLOB NOT NULL CHECK (length(operation) = 16),
    started_at   INTEGER NOT NULL,
    -- NULL while it runs.
    ended_at     INTEGER,
    -- The restic process, while there is one.
    pid          INTEGER,
    last_success INTEGER
) STRICT, WITHOUT ROWID;
