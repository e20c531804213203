// Draw the family of a blueprint: everything that descends from the roots above it.
// param id STRING any member
// returns child, derivation, parent
// access read
// try :param id => 'simple_mlp'
MATCH (b:Blueprint {id: $id})
CALL (b) { MATCH (b)-[:DERIVED_FROM*0..]->(a:Blueprint) RETURN DISTINCT a }
WITH a WHERE NOT (a)-[:DERIVED_FROM]->(:Blueprint)
CALL (a) { MATCH (a)<-[:DERIVED_FROM*0..]-(m:Blueprint) RETURN DISTINCT m }
WITH DISTINCT m
OPTIONAL MATCH (m)-[derivation:DERIVED_FROM]->(parent:Blueprint)
RETURN m AS child, derivation, parent
ORDER BY child.generation, child.id, parent.id;
