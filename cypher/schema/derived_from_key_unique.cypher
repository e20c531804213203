// One relationship for each derivation, however often it is written.
// returns nothing
// access schema
CREATE CONSTRAINT derived_from_key_unique IF NOT EXISTS FOR ()-[r:DERIVED_FROM]-() REQUIRE r.key IS UNIQUE;
