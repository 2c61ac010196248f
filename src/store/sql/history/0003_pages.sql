-- history.db, schema 3: pages of operations by any filter, and following what changes by a cursor.

-- The sentences that operations ended with, each once: what a search reads. At most 512 characters of
-- one. A sentence that no operation has any more goes.
CREATE TABLE message (
    id   INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
) STRICT;

ALTER TABLE operation ADD COLUMN message INTEGER REFERENCES message (id);

-- Those that ended with a sentence, newest last; also which sentences are still needed.
CREATE INDEX operation_message ON operation (message, started_at, id) WHERE message IS NOT NULL;
-- One plan's or repo's operations by time, without a look at the row for kind and status.
CREATE INDEX operation_shard ON operation (shard, started_at, id, kind, status);
-- What failed, what was restored: few among very many, wherever they are.
CREATE INDEX operation_outcome ON operation (kind, status, started_at, id);
-- What followed an operation: the first one of a flow has its id.
CREATE INDEX operation_flow ON operation (flow) WHERE flow <> id;

-- What was appended, newest last, for readers that come back with a cursor: a shard and its entries
-- from one to another. Only the newest are kept. From 0 to 0: the shard changed in another way.
CREATE TABLE change (
    id    INTEGER PRIMARY KEY,
    shard INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last  INTEGER NOT NULL,
    -- The beginning of the shard's chain value then: another one is another history.
    mark  BLOB NOT NULL CHECK (length(mark) = 8)
) STRICT;

-- Which file it is: a cursor of another one is of no use here.
INSERT INTO meta VALUES ('history', lower(hex(randomblob(8))));
