// Newest values that an older version wrote without their place among all values.
// param limit INTEGER how many
// returns key, name, device, value
// access read
// try :param limit => 100
MATCH (m:Metric) WHERE m.place IS NULL AND m.value IS NOT NULL
RETURN m.key AS key, m.name AS name, m.device AS device, m.value AS value
ORDER BY key LIMIT $limit;
