// One relationship for each derivation from elsewhere, however often it is written.
// returns nothing
// access schema
CREATE CONSTRAINT derived_from_external_key_unique IF NOT EXISTS FOR ()-[r:DERIVED_FROM_EXTERNAL]-() REQUIRE r.key IS UNIQUE;
