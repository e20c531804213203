// All kernels of a blueprint, newest first.
// No row: there is no such blueprint. One row whose kernel is null: it has none.
// param id STRING the blueprint
// returns blueprint, kernel, weights
// access read
// try :param id => 'simple_mlp'
MATCH (b:Blueprint {id: $id})
OPTIONAL MATCH (k:Kernel)-[:COMPILED_FROM]->(b)
OPTIONAL MATCH (k)-[:HOLDS]->(w:Weights)
RETURN b.id AS blueprint, properties(k) AS kernel, w.digest AS weights
ORDER BY k.compiled_at DESC, k.digest, weights;
