// Find the edit keys of a blueprint, which no relationship leads to.
// returns nothing
// access schema
CREATE INDEX edit_key_blueprint_range IF NOT EXISTS FOR (n:EditKey) ON (n.blueprint);
