// What is known about a blueprint besides its content.
// param id STRING the blueprint
// returns id, status, generation, registered_at, metrics, validations, children, deployments, reports
// access read
// try :param id => 'simple_mlp'
MATCH (b:Blueprint {id: $id})
RETURN b.id AS id, b.status AS status, b.generation AS generation, b.registered_at AS registered_at,
       [(m:Metric)-[:MEASURES]->(b) | {name: m.name, device: m.device, value: m.value}] AS metrics,
       [(k:Kernel)-[:COMPILED_FROM]->(b) | k.validation] AS validations,
       [(b)<-[:DERIVED_FROM]-(c:Blueprint) | c.id] AS children,
       [(d:Deployment)-[:RUNS]->(:Kernel)-[:COMPILED_FROM]->(b) | properties(d)] AS deployments,
       [(r:FieldReport)-[:REPORTS_ON]->(:Deployment)-[:RUNS]->(:Kernel)-[:COMPILED_FROM]->(b) |
        properties(r)] AS reports;
