-- trust.db, schema 8: who may use the web interface.

-- People. Without any, only this machine itself is answered.
CREATE TABLE user (
    name       TEXT NOT NULL PRIMARY KEY,
    -- Argon2id in the PHC string format, with its own salt and parameters.
    password   TEXT NOT NULL,
    role       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_login INTEGER
) STRICT, WITHOUT ROWID;

-- Logins. The token is not here, only its hash.
CREATE TABLE session (
    id         TEXT NOT NULL PRIMARY KEY,
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    user       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- To the minute: a look at a page is not worth a write.
    last_used  INTEGER NOT NULL,
    -- However much it is used; without use it ends earlier.
    expires_at INTEGER NOT NULL,
    address    TEXT NOT NULL,
    agent      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What ends with the password, the role or the user, and how many logins a user has.
CREATE INDEX session_by_user ON session (user, last_used);

-- Keys of programs. The secret is not here, only its hash.
CREATE TABLE api_key (
    id           TEXT NOT NULL PRIMARY KEY,
    secret_hash  BLOB NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    label        TEXT NOT NULL,
    role         TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used    INTEGER,
    last_address TEXT
) STRICT, WITHOUT ROWID;
