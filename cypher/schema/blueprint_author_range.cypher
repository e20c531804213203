// Find blueprints by author.
// returns nothing
// access schema
CREATE INDEX blueprint_author_range IF NOT EXISTS FOR (n:Blueprint) ON (n.author);
