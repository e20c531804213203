// Find blueprints by the digest of their content.
// returns nothing
// access schema
CREATE INDEX blueprint_content_digest_range IF NOT EXISTS FOR (n:Blueprint) ON (n.content_digest);
