// All attempts to compile a blueprint, newest first.
// No row: there is no such blueprint. One row whose attempt is null: it was never compiled.
// param id STRING the blueprint
// returns blueprint, attempt
// access read
// try :param id => 'simple_mlp'
MATCH (b:Blueprint {id: $id})
OPTIONAL MATCH (a:CompileAttempt)-[:COMPILES]->(b)
RETURN b.id AS blueprint, properties(a) AS attempt
ORDER BY a.started_at DESC, a.id DESC;
