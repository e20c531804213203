// Everything that was measured of a blueprint, oldest first.
// param id STRING the blueprint
// returns name, device, properties
// access read
// try :param id => 'simple_mlp'
MATCH (x:Measurement)-[:REFINES]->(m:Metric)-[:MEASURES]->(:Blueprint {id: $id})
RETURN m.name AS name, m.device AS device, properties(x) AS properties
ORDER BY x.measured_at, name, device, x.id;
