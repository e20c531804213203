// Rank blueprints by a metric on a device.
// returns nothing
// access schema
CREATE INDEX metric_name_device_value_range IF NOT EXISTS FOR (n:Metric) ON (n.name, n.device, n.value);
