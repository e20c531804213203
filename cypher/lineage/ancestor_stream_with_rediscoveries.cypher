// A blueprint and everything that it descends from, rediscoveries included, each member once in a row of
// its own, in no order: to be read as it arrives, where the whole would be too large to hold.
// param id STRING the blueprint to start from
// returns id, name, parents
// access read
// try :param id => 'simple_mlp'
MATCH (b:Blueprint {id: $id})
CALL (b) { MATCH (b)-[:DERIVED_FROM|REDISCOVERED_FROM*0..]->(m:Blueprint) RETURN DISTINCT m }
RETURN m.id AS id, coalesce(m.name, '') AS name,
       [(m)-[:DERIVED_FROM|REDISCOVERED_FROM]->(p:Blueprint) | p.id] AS parents;
