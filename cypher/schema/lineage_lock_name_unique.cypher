// One lock for all late derivations.
// returns nothing
// access schema
CREATE CONSTRAINT lineage_lock_name_unique IF NOT EXISTS FOR (n:LineageLock) REQUIRE n.name IS UNIQUE;
