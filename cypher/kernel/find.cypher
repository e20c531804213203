// Kernels by the beginning of their digest.
// param prefix STRING the first digits, or the whole digest
// param limit INTEGER how many at most
// returns blueprint, kernel, weights
// access read
// try :param prefix => '0123'
// try :param limit => 10
MATCH (k:Kernel)
WHERE k.digest STARTS WITH $prefix
OPTIONAL MATCH (k)-[:COMPILED_FROM]->(b:Blueprint)
OPTIONAL MATCH (k)-[:HOLDS]->(w:Weights)
RETURN b.id AS blueprint, properties(k) AS kernel, w.digest AS weights
ORDER BY k.digest, blueprint, weights LIMIT $limit;
