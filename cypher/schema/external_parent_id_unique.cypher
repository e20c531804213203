// One node for each parent that is elsewhere.
// returns nothing
// access schema
CREATE CONSTRAINT external_parent_id_unique IF NOT EXISTS FOR (n:ExternalParent) REQUIRE n.id IS UNIQUE;
