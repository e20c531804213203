// Kernels of which is not known what built them, or from which blueprint.
// returns subject, message
// access read
MATCH (k:Kernel)
OPTIONAL MATCH (k)-[:BUILT_BY]->(a:CompileAttempt)
WITH k, count(a) AS attempts
OPTIONAL MATCH (k)-[:COMPILED_FROM]->(b:Blueprint)
WITH k, attempts, count(b) AS blueprints
WHERE attempts = 0 OR blueprints <> 1
RETURN coalesce(k.digest, '') AS subject,
       'the kernel was built by ' + toString(attempts) + ' attempts from ' + toString(blueprints) + ' blueprints'
       AS message
ORDER BY subject, message;
