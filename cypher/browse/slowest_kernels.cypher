// The blueprints with the largest newest value of a metric on a device, with their kernels.
// param metric STRING a metric of which less is better
// param limit INTEGER how many
// returns blueprint, device, value, kernels
// access read
// try :param metric => 'latency_ms'
// try :param limit => 25
MATCH (m:Metric {name: $metric})-[:MEASURES]->(b:Blueprint)
OPTIONAL MATCH (k:Kernel)-[:COMPILED_FROM]->(b)
WITH m, b, k.digest AS digest ORDER BY digest
WITH m, b, collect(digest) AS kernels
RETURN b.id AS blueprint, m.device AS device, m.value AS value, kernels
ORDER BY value DESC, blueprint, device LIMIT $limit;
