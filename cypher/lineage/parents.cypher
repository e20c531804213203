// The derivations between a blueprint and its parents, oldest first.
// One row of nulls beside `known` means that it has none; no row, that there is no such blueprint.
// `outside` are the parents that this store knows by name only; it is the same in each row.
// param id STRING the blueprint
// param rediscoveries BOOLEAN whether rediscoveries count too
// returns known, child, parent, type, properties, outside
// access read
// try :param id => 'simple_mlp'
// try :param rediscoveries => true
MATCH (b:Blueprint {id: $id})
OPTIONAL MATCH (b)-[d:DERIVED_FROM|REDISCOVERED_FROM]->(x:Blueprint)
WHERE $rediscoveries OR type(d) = 'DERIVED_FROM'
RETURN b.id AS known, b.id AS child, x.id AS parent, type(d) AS type, properties(d) AS properties,
       [(b)-[:DERIVED_FROM_EXTERNAL]->(e) | e.id] AS outside
ORDER BY d.registered_at, x.id, d.key;
