// The embedded engine reads an index in its order only where it knows the type of the property.
// returns nothing
// access schema
CREATE CONSTRAINT blueprint_newest_first_type IF NOT EXISTS FOR (n:Blueprint) REQUIRE n.newest_first IS :: INTEGER;
