-- trust.db, schema 4: which boot ids of a peer were seen is known in memory, and learned again after a restart.

DROP TABLE peer_boot;
