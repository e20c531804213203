// Draw a blueprint: its nodes and what feeds what.
// param id STRING the blueprint
// returns source, edge, target
// access read
// try :param id => 'simple_mlp'
MATCH (:Blueprint {id: $id})-[:CONTAINS]->(source:OpNode)
OPTIONAL MATCH (source)-[edge:FEEDS]->(target:OpNode)
RETURN source, edge, target
ORDER BY source.position, target.position, edge.target_port;
