// Find blueprints by name.
// returns nothing
// access schema
CREATE INDEX blueprint_name_range IF NOT EXISTS FOR (n:Blueprint) ON (n.name);
