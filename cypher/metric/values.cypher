// The newest values of a metric, of all blueprints that are not archived.
// param name STRING the metric
// param device STRING? only on this device
// param least FLOAT? only from this value on
// param most FLOAT? only up to this value
// returns blueprint, device, value, measured_at, measurements
// access read
// try :param name => 'latency_ms'
// try :param device => null
// try :param least => null
// try :param most => null
MATCH (m:Metric {name: $name})
WHERE ($device IS NULL OR m.device = $device) AND ($least IS NULL OR m.value >= $least)
  AND ($most IS NULL OR m.value <= $most)
MATCH (m)-[:MEASURES]->(b:Blueprint)
WHERE b.status <> 'archived'
RETURN b.id AS blueprint, m.device AS device, m.value AS value, m.measured_at AS measured_at,
       COUNT { (:Measurement)-[:REFINES]->(m) } + CASE WHEN m.actor IS NULL THEN 0 ELSE 1 END AS measurements
ORDER BY blueprint, device;
