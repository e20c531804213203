// Let blueprints that were saved just now use the blueprints that their blocks are.
// Whoever runs it compares `used` with what was sent.
// param rows LIST<MAP> for each blueprint its `id` and the fingerprints that it `uses`
// returns id, used
// access write
// try :param rows => []
UNWIND $rows AS row
MATCH (b:Blueprint {id: row.id})
UNWIND row.uses AS fingerprint
MATCH (d:Blueprint {fingerprint: fingerprint})
MERGE (b)-[:USES]->(d)
RETURN b.id AS id, count(d) AS used;
