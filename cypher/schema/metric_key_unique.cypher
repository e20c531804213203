// One newest value for each blueprint, metric and device.
// returns nothing
// access schema
CREATE CONSTRAINT metric_key_unique IF NOT EXISTS FOR (n:Metric) REQUIRE n.key IS UNIQUE;
