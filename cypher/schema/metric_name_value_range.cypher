// Rank blueprints by a metric on any device.
// returns nothing
// access schema
CREATE INDEX metric_name_value_range IF NOT EXISTS FOR (n:Metric) ON (n.name, n.value);
