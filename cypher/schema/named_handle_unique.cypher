// Ids and aliases are one namespace: nobody can take the id of another.
// `handle` repeats the id, because the embedded engine checks only one of two constraints on one property.
// returns nothing
// access schema
CREATE CONSTRAINT named_handle_unique IF NOT EXISTS FOR (n:Named) REQUIRE n.handle IS UNIQUE;
