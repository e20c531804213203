// A blueprint and everything that descends from it, with the generations of their parents: what is needed to
// number them anew.
// param id STRING the blueprint to start from
// returns id, generation, parents
// access read
// try :param id => 'simple_mlp'
MATCH (b:Blueprint {id: $id})
CALL (b) { MATCH (b)<-[:DERIVED_FROM*0..]-(m:Blueprint) RETURN DISTINCT m }
RETURN m.id AS id, m.generation AS generation,
       [(m)-[:DERIVED_FROM]->(p:Blueprint) | {id: p.id, generation: coalesce(p.generation, 0)}] AS parents
ORDER BY id;
