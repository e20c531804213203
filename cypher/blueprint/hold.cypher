// Hold parents until the end of the transaction: nobody can number them anew before their children are there.
// The ticket says nothing; a value that changes is what holds a blueprint on both engines.
// param names LIST<STRING> ids or aliases
// param fingerprints LIST<STRING> structures that may be known already
// returns held
// access write
// try :param names => ['simple_mlp']
// try :param fingerprints => []
UNWIND $names AS name
MATCH (n:Named {handle: name})
OPTIONAL MATCH (n)-[:NAMES]->(t:Blueprint)
WITH coalesce(t, n) AS b
SET b.ticket = coalesce(b.ticket, 0) + 1
RETURN count(b) AS held
UNION ALL
UNWIND $fingerprints AS fingerprint
MATCH (b:Blueprint {fingerprint: fingerprint})
SET b.ticket = coalesce(b.ticket, 0) + 1
RETURN count(b) AS held;
