// The version of this schema stands in one place.
// returns nothing
// access schema
CREATE CONSTRAINT schema_version_name_unique IF NOT EXISTS FOR (n:SchemaVersion) REQUIRE n.name IS UNIQUE;
