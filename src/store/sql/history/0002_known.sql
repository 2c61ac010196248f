-- history.db, schema 2.

-- When the shard was first heard of here, by our clock: from then on a first backup is awaited. NULL
-- where an earlier schema did not keep it.
ALTER TABLE shard ADD COLUMN known_at INTEGER;
