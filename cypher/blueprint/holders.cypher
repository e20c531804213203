// Which structures hold these ids.
// param names LIST<STRING> ids or aliases
// returns name, fingerprint
// access read
// try :param names => ['simple_mlp']
UNWIND $names AS name
MATCH (n:Named {handle: name})
OPTIONAL MATCH (n)-[:NAMES]->(t:Blueprint)
RETURN name, coalesce(t.fingerprint, n.fingerprint) AS fingerprint;
