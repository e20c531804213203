// For each node of a blueprint, the node that introduced it.
// param id STRING the blueprint
// returns node_id, origin
// access read
// try :param id => 'simple_mlp'
MATCH (:Blueprint {id: $id})-[:CONTAINS]->(n:OpNode)
RETURN n.node_id AS node_id, n.origin AS origin ORDER BY n.position;
