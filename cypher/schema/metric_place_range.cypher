// Find blueprints by a range of a metric on a device, and read them in its order, smallest values first.
// returns nothing
// access schema
CREATE INDEX metric_place_range IF NOT EXISTS FOR (n:Metric) ON (n.place);
