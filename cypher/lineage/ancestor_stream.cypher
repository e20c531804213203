// A blueprint and everything that it descends from, each member once in a row of its own, in no order: to be read as it
// arrives, where the whole would be too large to hold.
// Null for a name: derived from, but not held by this store.
// param id STRING the blueprint to start from
// returns id, name, parents
// access read
// try :param id => 'simple_mlp'
MATCH (b:Blueprint {id: $id})
CALL (b) { MATCH (b)-[:DERIVED_FROM|DERIVED_FROM_EXTERNAL*0..]->(m) RETURN DISTINCT m }
RETURN m.id AS id, CASE WHEN m:Blueprint THEN coalesce(m.name, '') END AS name,
       [(m)-[:DERIVED_FROM]->(p:Blueprint) | p.id] AS parents;
