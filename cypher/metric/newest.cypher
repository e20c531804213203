// The newest value of each metric of a blueprint on each device.
// param id STRING the blueprint
// returns name, device, value, measured_at, measurements
// access read
// try :param id => 'simple_mlp'
MATCH (m:Metric)-[:MEASURES]->(:Blueprint {id: $id})
RETURN m.name AS name, m.device AS device, m.value AS value, m.measured_at AS measured_at,
       COUNT { (:Measurement)-[:REFINES]->(m) } + CASE WHEN m.actor IS NULL THEN 0 ELSE 1 END AS measurements
ORDER BY name, device;
