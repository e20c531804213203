// Find blueprints that compute the same.
// returns nothing
// access schema
CREATE INDEX blueprint_normal_fingerprint_range IF NOT EXISTS FOR (n:Blueprint) ON (n.normal_fingerprint);
