// The family of a blueprint, rediscoveries included: everything that descends from the roots above it, each member
// once, with its own parents, one that several derivations lead to as often.
// One row of three lists that go together, in no order; empty where there is no such blueprint, or more roots than
// asked for.
// With a time, whoever asks walks along the parents: members of today's family are listed too.
// Roots are told by their generation. Parents that are no members are named too: of those above the blueprint, none
// are in this store; of others, in-laws are.
// param id STRING any member
// param most_roots INTEGER up to how many roots to descend from: each descent visits what they share again
// param as_of STRING? the family as it was known then, as ISO 8601; null for all that is known
// returns ids, names, parents
// access read
// try :param id => 'simple_mlp'
// try :param most_roots => 8
// try :param as_of => null
MATCH (b:Blueprint {id: $id}) WHERE $as_of IS NULL OR b.registered_at <= datetime($as_of)
WITH b, datetime($as_of) AS at
CALL (b) { MATCH (b)-[:DERIVED_FROM|REDISCOVERED_FROM*0..]->(a) WHERE a.generation = 0 RETURN DISTINCT a }
WITH collect(a) AS roots, at
UNWIND CASE WHEN size(roots) <= $most_roots THEN roots ELSE [] END AS a
CALL (a) { MATCH (a)<-[:DERIVED_FROM|REDISCOVERED_FROM*0..]-(m:Blueprint) RETURN DISTINCT m }
WITH DISTINCT m, at
WITH m.id AS id, coalesce(m.name, '') AS name,
     [(m)-[d:DERIVED_FROM|REDISCOVERED_FROM|DERIVED_FROM_EXTERNAL]->(p)
      WHERE at IS NULL OR d.registered_at <= at | p.id] AS above
RETURN collect(id) AS ids, collect(name) AS names, collect(above) AS parents;
