// What must be known of parents before their children are written.
// param names LIST<STRING> ids or aliases
// param fingerprints LIST<STRING> structures that may be known already
// returns name, fingerprint, id, generation, nodes
// access read
// try :param names => ['simple_mlp']
// try :param fingerprints => []
UNWIND $names AS name
MATCH (n:Named {handle: name})
OPTIONAL MATCH (n)-[:NAMES]->(t:Blueprint)
WITH name, coalesce(t, n) AS b
RETURN name, null AS fingerprint, b.id AS id, coalesce(b.generation, 0) AS generation,
       [(b)-[:CONTAINS]->(o:OpNode) | properties(o)] AS nodes
UNION ALL
UNWIND $fingerprints AS fingerprint
MATCH (b:Blueprint {fingerprint: fingerprint})
RETURN null AS name, fingerprint, b.id AS id, coalesce(b.generation, 0) AS generation,
       [(b)-[:CONTAINS]->(o:OpNode) | properties(o)] AS nodes;
