// Everything that was measured of a blueprint, in no order.
// A metric that says by whom it was measured was imported, and is its own and only measurement.
// param id STRING the blueprint
// returns name, device, properties
// access read
// try :param id => 'simple_mlp'
MATCH (x:Measurement)-[:REFINES]->(m:Metric)-[:MEASURES]->(:Blueprint {id: $id})
RETURN m.name AS name, m.device AS device, properties(x) AS properties
UNION ALL
MATCH (m:Metric)-[:MEASURES]->(:Blueprint {id: $id})
WHERE m.actor IS NOT NULL
RETURN m.name AS name, m.device AS device,
       {id: m.key, value: m.value, measured_at: m.measured_at, actor: m.actor} AS properties;
