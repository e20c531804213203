// One record for each set of weights.
// returns nothing
// access schema
CREATE CONSTRAINT weights_digest_unique IF NOT EXISTS FOR (n:Weights) REQUIRE n.digest IS UNIQUE;
