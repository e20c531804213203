// One node for each device.
// returns nothing
// access schema
CREATE CONSTRAINT device_name_unique IF NOT EXISTS FOR (n:Device) REQUIRE n.name IS UNIQUE;
