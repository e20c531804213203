// One event for each operation, however often it is repeated.
// returns nothing
// access schema
CREATE CONSTRAINT event_operation_id_unique IF NOT EXISTS FOR (n:Event) REQUIRE n.operation_id IS UNIQUE;
