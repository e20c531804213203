// The blueprints that share a parent with this one: those that share most first, then by id.
// No row: there is no such blueprint.
// param id STRING the blueprint
// param rediscoveries BOOLEAN whether rediscoveries count too
// param as_of STRING? the family as it was known then, as ISO 8601; null for all that is known
// param limit INTEGER how many at most
// returns total, ids, names, shared
// access read
// try :param id => 'simple_mlp'
// try :param rediscoveries => false
// try :param as_of => null
// try :param limit => 100
MATCH (b:Blueprint {id: $id}) WHERE $as_of IS NULL OR b.registered_at <= datetime($as_of)
OPTIONAL MATCH (b)-[d:DERIVED_FROM|REDISCOVERED_FROM]->(p:Blueprint)
WHERE ($rediscoveries OR type(d) = 'DERIVED_FROM') AND ($as_of IS NULL OR d.registered_at <= datetime($as_of))
WITH DISTINCT b, p
OPTIONAL MATCH (p)<-[e:DERIVED_FROM|REDISCOVERED_FROM]-(s:Blueprint)
WHERE s <> b AND ($rediscoveries OR type(e) = 'DERIVED_FROM')
  AND ($as_of IS NULL OR e.registered_at <= datetime($as_of))
WITH b, s, p.id AS parent ORDER BY parent
WITH b, s, collect(DISTINCT parent) AS parents
WITH b, s, parents ORDER BY size(parents) DESC, s.id
WITH b, collect(CASE WHEN s IS NULL THEN null
                     ELSE {id: s.id, name: coalesce(s.name, ''), parents: parents} END) AS found
RETURN size(found) AS total, [one IN found[..$limit] | one.id] AS ids, [one IN found[..$limit] | one.name] AS names,
       [one IN found[..$limit] | one.parents] AS shared;
