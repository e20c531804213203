// Find blueprints by generation.
// returns nothing
// access schema
CREATE INDEX blueprint_generation_range IF NOT EXISTS FOR (n:Blueprint) ON (n.generation);
