// Find blueprints by status.
// returns nothing
// access schema
CREATE INDEX blueprint_status_range IF NOT EXISTS FOR (n:Blueprint) ON (n.status);
