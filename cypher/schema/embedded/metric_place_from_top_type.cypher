// The embedded engine reads an index in its order only where it knows the type of the property.
// returns nothing
// access schema
CREATE CONSTRAINT metric_place_from_top_type IF NOT EXISTS FOR (n:Metric) REQUIRE n.place_from_top IS :: STRING;
