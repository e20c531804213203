// Read blueprints in the order of a metric on a device, largest values first.
// returns nothing
// access schema
CREATE INDEX metric_place_from_top_range IF NOT EXISTS FOR (n:Metric) ON (n.place_from_top);
