// All derivations among several blueprints and what they descend from, rediscoveries included: what paths are made of.
// One row of two lists that go together, in no order: each member once, and the derivations that it came from.
// A derivation is told by its parent, type, kind, mutation type, edits, actor, reason, time and key; null for what it
// lacks. Lists travel faster than maps, and times as text than as times.
// With a time, whoever asks walks along the parents.
// param ids LIST<STRING> the blueprints
// param as_of STRING? the family as it was known then, as ISO 8601; null for all that is known
// returns ids, derivations
// access read
// try :param ids => ['simple_mlp', 'simple_mlp_wide']
// try :param as_of => null
UNWIND $ids AS wanted
MATCH (b:Blueprint {id: wanted}) WHERE $as_of IS NULL OR b.registered_at <= datetime($as_of)
WITH b, datetime($as_of) AS at
CALL (b) { MATCH (b)-[:DERIVED_FROM|REDISCOVERED_FROM*0..]->(m:Blueprint) RETURN DISTINCT m }
WITH DISTINCT m, at
WITH m.id AS id,
     [(m)-[d:DERIVED_FROM|REDISCOVERED_FROM]->(p:Blueprint) WHERE at IS NULL OR d.registered_at <= at |
      [p.id, type(d), d.kind, d.mutation_type, d.edits, d.actor, d.reason, toString(d.registered_at), d.key]] AS came
RETURN collect(id) AS ids, collect(came) AS derivations;
