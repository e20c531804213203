// Record that a blueprint is being compiled. Repeating it changes nothing.
// param blueprint STRING the blueprint
// param id STRING the attempt
// param properties MAP mode, backend, profile, and the process: host, pid and process_birth
// param started_at STRING when, as ISO 8601
// returns id
// access write
// try :param blueprint => 'simple_mlp'
// try :param id => 'attempt-1'
// try :param properties => {mode: 'infer', backend: 'script', profile: 'default'}
// try :param started_at => '2026-11-24T12:00:00+00:00'
MATCH (b:Blueprint {id: $blueprint})
MERGE (a:CompileAttempt {id: $id})
ON CREATE SET a += $properties, a.outcome = 'running', a.started_at = datetime($started_at)
MERGE (a)-[:COMPILES]->(b)
RETURN a.id AS id;
