// A blueprint and everything it descends from, rediscoveries included, each member once,
// with its own parents, one that several derivations lead to as often.
// One row of three lists that go together, in no order, which travels three times as fast as a row for each member.
// With a time, members that no derivation of that time leads to are listed too: whoever asks walks along the parents.
// The start is among the members; empty lists mean that there is no such blueprint, or was none then.
// Rediscoveries can lead back to the start, which is a member only once.
// Parents that this store knows by name only are named too: whoever is no member is one of these.
// param id STRING the blueprint to start from
// param as_of STRING? the family as it was known then, as ISO 8601; null for all that is known
// returns ids, names, parents
// access read
// try :param id => 'simple_mlp'
// try :param as_of => null
MATCH (b:Blueprint {id: $id}) WHERE $as_of IS NULL OR b.registered_at <= datetime($as_of)
WITH b, datetime($as_of) AS at
CALL (b) { MATCH (b)-[:DERIVED_FROM|REDISCOVERED_FROM*0..]->(m:Blueprint) RETURN DISTINCT m }
WITH m.id AS id, coalesce(m.name, '') AS name, [(m)-[d:DERIVED_FROM|REDISCOVERED_FROM|DERIVED_FROM_EXTERNAL]->(p)
      WHERE at IS NULL OR d.registered_at <= at | p.id] AS above
RETURN collect(id) AS ids, collect(name) AS names, collect(above) AS parents;
