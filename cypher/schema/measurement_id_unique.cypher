// One node for each measurement, however often its operation is repeated.
// returns nothing
// access schema
CREATE CONSTRAINT measurement_id_unique IF NOT EXISTS FOR (n:Measurement) REQUIRE n.id IS UNIQUE;
