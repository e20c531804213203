// What is known about names that lineage records have or derive from.
// A name that nobody has is not among the rows; `record` says whether only the lineage of the blueprint is known.
// param names LIST<STRING> ids or aliases
// returns name, id, generation, version, record
// access read
// try :param names => ['simple_mlp']
UNWIND $names AS name
MATCH (n:Named {handle: name})
OPTIONAL MATCH (n)-[:NAMES]->(t:Blueprint)
WITH name, coalesce(t, n) AS b
RETURN name, b.id AS id, coalesce(b.generation, 0) AS generation, coalesce(b.version, 1) AS version,
       coalesce(b.lineage_only, false) AS record;
