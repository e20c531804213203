// Record a kernel whose bytes are kept already. The same bytes are one kernel, whoever compiles them again.
// param attempt STRING the attempt that built it
// param digest STRING SHA-256 of its bytes
// param properties MAP how it was compiled
// param compiled_at STRING when, as ISO 8601
// returns blueprint
// access write
// try :param attempt => 'attempt-1'
// try :param digest => '0123456789abcdef'
// try :param properties => {mode: 'infer', backend: 'script', profile: 'default', size_bytes: 1}
// try :param compiled_at => '2026-11-24T12:00:01+00:00'
MATCH (a:CompileAttempt {id: $attempt})-[:COMPILES]->(b:Blueprint)
MERGE (k:Kernel {digest: $digest})
ON CREATE SET k += $properties, k.compiled_at = datetime($compiled_at)
MERGE (k)-[:BUILT_BY]->(a)
MERGE (k)-[:COMPILED_FROM]->(b)
RETURN b.id AS blueprint;
