// One node for each tag.
// returns nothing
// access schema
CREATE CONSTRAINT tag_name_unique IF NOT EXISTS FOR (n:Tag) REQUIRE n.name IS UNIQUE;
