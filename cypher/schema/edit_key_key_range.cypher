// Find blueprints that are one edit apart.
// returns nothing
// access schema
CREATE INDEX edit_key_key_range IF NOT EXISTS FOR (n:EditKey) ON (n.key);
