// Attempts to compile that do not say what.
// returns subject, message
// access read
MATCH (a:CompileAttempt)
WHERE NOT (a)-[:COMPILES]->(:Blueprint)
RETURN coalesce(a.id, '') AS subject, 'the attempt compiles no blueprint' AS message
ORDER BY subject, message;
