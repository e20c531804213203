// One attempt to compile.
// param id STRING the attempt
// returns blueprint, attempt
// access read
// try :param id => 'attempt-1'
MATCH (a:CompileAttempt {id: $id})
OPTIONAL MATCH (a)-[:COMPILES]->(b:Blueprint)
RETURN b.id AS blueprint, properties(a) AS attempt
ORDER BY blueprint;
