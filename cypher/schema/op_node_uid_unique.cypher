// Find a node of a blueprint.
// returns nothing
// access schema
CREATE CONSTRAINT op_node_uid_unique IF NOT EXISTS FOR (n:OpNode) REQUIRE n.uid IS UNIQUE;
