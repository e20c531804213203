// The blueprints that others use as blocks, directly or inside of blocks.
// param ids LIST<STRING> the blueprints that use them
// returns id, fingerprint
// access read
// try :param ids => ['simple_mlp']
MATCH (b:Blueprint) WHERE b.id IN $ids
CALL (b) { MATCH (b)-[:USES*1..]->(d:Blueprint) RETURN DISTINCT d }
RETURN DISTINCT d.id AS id, d.fingerprint AS fingerprint
ORDER BY id;
