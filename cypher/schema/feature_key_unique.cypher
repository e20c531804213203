// One node for each feature.
// returns nothing
// access schema
CREATE CONSTRAINT feature_key_unique IF NOT EXISTS FOR (n:Feature) REQUIRE n.key IS UNIQUE;
