// Newest values that an older version wrote without their places among all values.
// returns key, name, device, value, blueprint
// access read
MATCH (m:Metric)-[:MEASURES]->(b:Blueprint) WHERE m.place_from_top IS NULL AND m.value IS NOT NULL
RETURN m.key AS key, m.name AS name, m.device AS device, m.value AS value, b.id AS blueprint;
