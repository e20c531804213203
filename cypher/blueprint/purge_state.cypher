// What must be known before a blueprint is removed for good.
// param id STRING the blueprint
// returns id, name, fingerprint, content_digest, registered_at, children, rediscovered_by, deployments, kernels, aliases
// access read
// try :param id => 'simple_mlp'
MATCH (b:Blueprint {id: $id})
RETURN b.id AS id, b.name AS name, b.fingerprint AS fingerprint, b.content_digest AS content_digest,
       b.registered_at AS registered_at,
       [(c:Blueprint)-[:DERIVED_FROM|USES]->(b) WHERE c.id <> b.id | c.id] AS children,
       [(c:Blueprint)-[:REDISCOVERED_FROM]->(b) | c.id] AS rediscovered_by,
       [(d:Deployment)-[:RUNS]->(:Kernel)-[:COMPILED_FROM]->(b) WHERE d.finished_at IS NULL | d.id] AS deployments,
       [(k:Kernel)-[:COMPILED_FROM]->(b) | k.digest] AS kernels,
       [(a:Alias)-[:NAMES]->(b) | a.id] AS aliases;
