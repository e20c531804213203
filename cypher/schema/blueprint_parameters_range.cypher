// Read blueprints in the order of their parameters, and of their ids where these are equal.
// returns nothing
// access schema
CREATE INDEX blueprint_parameters_range IF NOT EXISTS FOR (n:Blueprint) ON (n.parameters, n.id);
