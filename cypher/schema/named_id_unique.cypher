// Ids and aliases are one namespace: nobody can take the id of another.
// returns nothing
// access schema
CREATE CONSTRAINT named_id_unique IF NOT EXISTS FOR (n:Named) REQUIRE n.id IS UNIQUE;
