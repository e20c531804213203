// Find blueprints by a range of a metric on a device.
// returns nothing
// access schema
CREATE INDEX metric_place_range IF NOT EXISTS FOR (n:Metric) ON (n.place);
