// Several blueprints with their parents and children: one level of a walk down the family tree.
// param ids LIST<STRING> the blueprints of this level
// param rediscoveries BOOLEAN whether rediscoveries count too
// param as_of STRING? the family as it was known then, as ISO 8601; null for all that is known
// returns id, name, parents, onward
// access read
// try :param ids => ['simple_mlp']
// try :param rediscoveries => false
// try :param as_of => null
UNWIND $ids AS wanted
MATCH (b:Blueprint {id: wanted})
OPTIONAL MATCH (b)-[d:DERIVED_FROM|REDISCOVERED_FROM]->(p:Blueprint)
WHERE ($rediscoveries OR type(d) = 'DERIVED_FROM') AND ($as_of IS NULL OR d.registered_at <= datetime($as_of))
WITH b, collect(DISTINCT p.id) AS parents
OPTIONAL MATCH (b)<-[d:DERIVED_FROM|REDISCOVERED_FROM]-(c:Blueprint)
WHERE ($rediscoveries OR type(d) = 'DERIVED_FROM') AND ($as_of IS NULL OR d.registered_at <= datetime($as_of))
WITH b, parents, collect(DISTINCT c.id) AS onward
RETURN b.id AS id, coalesce(b.name, '') AS name, parents, onward
ORDER BY id;
