// The derivations between a blueprint and its children, oldest first.
// One row of nulls beside `known` means that it has none; no row, that there is no such blueprint.
// param id STRING the blueprint
// param rediscoveries BOOLEAN whether rediscoveries count too
// returns known, child, parent, type, properties
// access read
// try :param id => 'simple_mlp'
// try :param rediscoveries => true
MATCH (b:Blueprint {id: $id})
OPTIONAL MATCH (b)<-[d:DERIVED_FROM|REDISCOVERED_FROM]-(x:Blueprint)
WHERE $rediscoveries OR type(d) = 'DERIVED_FROM'
RETURN b.id AS known, x.id AS child, b.id AS parent, type(d) AS type, properties(d) AS properties
ORDER BY d.registered_at, x.id, d.key;
