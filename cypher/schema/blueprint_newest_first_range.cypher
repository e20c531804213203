// Read blueprints in the order of registration, newest first, and of their ids where times are equal.
// returns nothing
// access schema
CREATE INDEX blueprint_newest_first_range IF NOT EXISTS FOR (n:Blueprint) ON (n.newest_first, n.id);
