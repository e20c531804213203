// Several blueprints with their parents: one level of a walk up the family tree.
// Parents that this store knows by name only stand apart.
// param ids LIST<STRING> the blueprints of this level
// param rediscoveries BOOLEAN whether rediscoveries count too
// param as_of STRING? the family as it was known then, as ISO 8601; null for all that is known
// returns id, name, parents, onward, outside
// access read
// try :param ids => ['simple_mlp']
// try :param rediscoveries => false
// try :param as_of => null
UNWIND $ids AS wanted
MATCH (b:Blueprint {id: wanted})
OPTIONAL MATCH (b)-[d:DERIVED_FROM|REDISCOVERED_FROM]->(p:Blueprint)
WHERE ($rediscoveries OR type(d) = 'DERIVED_FROM') AND ($as_of IS NULL OR d.registered_at <= datetime($as_of))
WITH b, collect(DISTINCT p.id) AS parents
RETURN b.id AS id, coalesce(b.name, '') AS name, parents, parents AS onward,
       [(b)-[e:DERIVED_FROM_EXTERNAL]->(x)
        WHERE $as_of IS NULL OR e.registered_at <= datetime($as_of) | x.id] AS outside
ORDER BY id;
