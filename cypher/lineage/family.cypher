// Some blueprints and everything that descends from any of them, each member once, with its own parents.
// One row of three lists that go together. With the roots above a blueprint this is its whole family.
// param ids LIST<STRING> the blueprints to start from
// returns ids, names, parents
// access read
// try :param ids => ['simple_mlp']
UNWIND $ids AS wanted
MATCH (b:Blueprint {id: wanted})
CALL (b) { MATCH (b)<-[:DERIVED_FROM*0..]-(m:Blueprint) RETURN DISTINCT m }
WITH DISTINCT m
WITH m.id AS id, coalesce(m.name, '') AS name, [(m)-[:DERIVED_FROM]->(p:Blueprint) | p.id] AS above
ORDER BY id
RETURN collect(id) AS ids, collect(name) AS names, collect(above) AS parents;
