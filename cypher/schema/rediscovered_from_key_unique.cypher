// One relationship for each rediscovery, however often it is written.
// returns nothing
// access schema
CREATE CONSTRAINT rediscovered_from_key_unique IF NOT EXISTS FOR ()-[r:REDISCOVERED_FROM]-() REQUIRE r.key IS UNIQUE;
