// One record for each structure, whoever races.
// returns nothing
// access schema
CREATE CONSTRAINT blueprint_fingerprint_unique IF NOT EXISTS FOR (n:Blueprint) REQUIRE n.fingerprint IS UNIQUE;
