-- trust.db, schema 3: what each peer may hold of our shared repos.

-- Written before a repo is first pushed to a peer and removed by the record that takes it back: so a
-- change made while the daemon was stopped is noticed at its next start, and nothing is taken back from
-- a peer that never had it.
CREATE TABLE offered_repo (
    peer       BLOB NOT NULL CHECK (length(peer) = 32),
    repo       TEXT NOT NULL,
    guid       TEXT NOT NULL,
    offered_at INTEGER NOT NULL,
    PRIMARY KEY (peer, repo)
) STRICT, WITHOUT ROWID;
