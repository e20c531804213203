// Write down which op types a blueprint uses, its blocks included, where an older version did not.
// param limit INTEGER how many blueprints at once
// returns filled
// access write
// try :param limit => 100
MATCH (b:Blueprint)-[:CONTAINS]->(:OpNode) WHERE b.op_types IS NULL
WITH DISTINCT b LIMIT $limit
CALL (b) {
  MATCH (b)-[:USES*0..]->(u:Blueprint)
  WITH DISTINCT u
  MATCH (u)-[:CONTAINS]->(o:OpNode) WHERE o.op_type <> 'block'
  RETURN collect(DISTINCT o.op_type) AS types, count(CASE WHEN o.requires_gpu THEN 1 END) > 0 AS gpu
}
SET b.op_types = types, b.requires_gpu = CASE WHEN gpu THEN true ELSE null END
RETURN count(b) AS filled;
