// Remove a blueprint for good, with its nodes, aliases, measurements, edit keys, the records of its kernels, and
// of weights that no kernel of another blueprint holds.
// Features that nobody has any more stay, since others may be about to get them.
// param id STRING the blueprint
// returns nodes
// access write
// try :param id => 'simple_mlp'
MATCH (b:Blueprint {id: $id})
CALL (b) { MATCH (b)-[:CONTAINS]->(n:OpNode) DETACH DELETE n RETURN count(*) AS nodes }
CALL (b) { MATCH (a:Alias)-[:NAMES]->(b) DETACH DELETE a RETURN count(*) AS aliases }
CALL (b) {
  MATCH (x:Measurement)-[:REFINES]->(:Metric)-[:MEASURES]->(b) DETACH DELETE x RETURN count(*) AS measurements
}
CALL (b) { MATCH (m:Metric)-[:MEASURES]->(b) DETACH DELETE m RETURN count(*) AS metrics }
CALL (b) {
  MATCH (w:Weights)<-[:HOLDS]-(:Kernel)-[:COMPILED_FROM]->(b)
  WITH DISTINCT w, b
  WHERE NOT EXISTS { MATCH (w)<-[:HOLDS]-(:Kernel)-[:COMPILED_FROM]->(o:Blueprint) WHERE o.id <> b.id }
  DETACH DELETE w RETURN count(*) AS weights
}
CALL (b) { MATCH (k:Kernel)-[:COMPILED_FROM]->(b) DETACH DELETE k RETURN count(*) AS kernels }
CALL (b) { MATCH (y:EditKey {blueprint: b.id}) DELETE y RETURN count(*) AS edit_keys }
CALL (b) { MATCH (t:CompileAttempt)-[:COMPILES]->(b) DETACH DELETE t RETURN count(*) AS attempts }
DETACH DELETE b
RETURN nodes;
