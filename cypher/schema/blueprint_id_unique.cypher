// Find blueprints by id.
// returns nothing
// access schema
CREATE CONSTRAINT blueprint_id_unique IF NOT EXISTS FOR (n:Blueprint) REQUIRE n.id IS UNIQUE;
