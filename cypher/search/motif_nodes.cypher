// Nodes of some op types, in blueprints that are not archived: a motif of one step.
// param types LIST<STRING> op types
// returns blueprint, node
// access read
// try :param types => ['linear']
MATCH (b:Blueprint)-[:CONTAINS]->(o:OpNode)
WHERE o.op_type IN $types AND b.status <> 'archived'
RETURN b.id AS blueprint, o.node_id AS node;
