// All blueprints that are not archived, with tags and newest metrics, for the registry's manifest.
// returns id, name, tags, metrics
// access read
MATCH (b:Blueprint) WHERE b.status <> 'archived'
RETURN b.id AS id, b.name AS name, [(b)-[:TAGGED]->(t:Tag) | t.name] AS tags,
       [(m:Metric)-[:MEASURES]->(b) | {name: m.name, device: m.device, value: m.value}] AS metrics
ORDER BY b.registered_at, id;
