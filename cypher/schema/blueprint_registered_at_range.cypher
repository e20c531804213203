// List blueprints in the order of registration.
// returns nothing
// access schema
CREATE INDEX blueprint_registered_at_range IF NOT EXISTS FOR (n:Blueprint) ON (n.registered_at);
