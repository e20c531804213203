// Which chains some node leads around: it feeds their first node, and a node that their last one feeds.
// param chains LIST<MAP> a number, and uids of the first and the last node of each
// returns number, source, target
// access read
// try :param chains => [{number: 0, first: 'simple_mlp/fc1', last: 'simple_mlp/fc2'}]
UNWIND $chains AS chain
MATCH (f:OpNode {uid: chain.first})
MATCH (l:OpNode {uid: chain.last})
MATCH (s:OpNode)-[:FEEDS]->(f)
MATCH (l)-[:FEEDS]->(t:OpNode)
MATCH (s)-[:FEEDS]->(t)
RETURN DISTINCT chain.number AS number, s.node_id AS source, t.node_id AS target;
