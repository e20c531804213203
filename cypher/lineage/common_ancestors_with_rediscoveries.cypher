// Several blueprints and everything that any of them descends from, rediscoveries included, each member once, with
// its own parents: what their common ancestors, and the nearest of them, are found in.
// One row of three lists that go together, in no order; the blueprints themselves are among the members.
// With a time, whoever asks walks along the parents.
// Parents that this store knows by name only are named too: whoever is no member is one of these.
// param ids LIST<STRING> the blueprints
// param as_of STRING? the family as it was known then, as ISO 8601; null for all that is known
// returns ids, names, parents
// access read
// try :param ids => ['simple_mlp', 'simple_mlp_wide']
// try :param as_of => null
UNWIND $ids AS wanted
MATCH (b:Blueprint {id: wanted}) WHERE $as_of IS NULL OR b.registered_at <= datetime($as_of)
WITH b, datetime($as_of) AS at
CALL (b) { MATCH (b)-[:DERIVED_FROM|REDISCOVERED_FROM*0..]->(m:Blueprint) RETURN DISTINCT m }
WITH DISTINCT m, at
WITH m.id AS id, coalesce(m.name, '') AS name,
     [(m)-[d:DERIVED_FROM|REDISCOVERED_FROM|DERIVED_FROM_EXTERNAL]->(p)
      WHERE at IS NULL OR d.registered_at <= at | p.id] AS above
RETURN collect(id) AS ids, collect(name) AS names, collect(above) AS parents;
