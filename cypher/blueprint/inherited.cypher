// What children inherit from their parents.
// param names LIST<STRING> ids or aliases of the parents
// returns name, id, version, generation, limits
// access read
// try :param names => ['simple_mlp']
UNWIND $names AS name
MATCH (n:Named {handle: name})
OPTIONAL MATCH (n)-[:NAMES]->(t:Blueprint)
WITH name, coalesce(t, n) AS b
RETURN name, b.id AS id, b.version AS version, b.generation AS generation, b.limits AS limits;
