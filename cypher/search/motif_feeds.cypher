// Nodes of some op types that feed nodes of some others, in blueprints that are not archived: one step of a motif.
// param sources LIST<STRING> op types of the first
// param targets LIST<STRING> op types of the second
// returns blueprint, source, target
// access read
// try :param sources => ['linear']
// try :param targets => ['activation']
MATCH (b:Blueprint)-[:CONTAINS]->(s:OpNode)-[:FEEDS]->(t:OpNode)
WHERE s.op_type IN $sources AND t.op_type IN $targets AND b.status <> 'archived'
RETURN DISTINCT b.id AS blueprint, s.node_id AS source, t.node_id AS target;
