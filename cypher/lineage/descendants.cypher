// A blueprint and everything that descends from it, each member once, with its own parents.
// One row of three lists that go together, which travels three times as fast as a row for each member.
// The start is among the members; empty lists mean that there is no such blueprint.
// param id STRING the blueprint to start from
// returns ids, names, parents
// access read
// try :param id => 'simple_mlp'
MATCH (b:Blueprint {id: $id})
CALL (b) { MATCH (b)<-[:DERIVED_FROM*0..]-(m:Blueprint) RETURN DISTINCT m }
WITH m.id AS id, coalesce(m.name, '') AS name, [(m)-[:DERIVED_FROM]->(p:Blueprint) | p.id] AS above
ORDER BY id
RETURN collect(id) AS ids, collect(name) AS names, collect(above) AS parents;
