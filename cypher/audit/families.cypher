// Which labels the nodes of each op have; one node of each kind as an example.
// Whoever runs it compares them with the family of the op, which only Python knows.
// returns op_type, labels, nodes, example
// access read
MATCH (n:OpNode)
WITH n.op_type AS op_type, labels(n) AS labels, n.uid AS uid
RETURN op_type, labels, count(*) AS nodes, min(uid) AS example
ORDER BY op_type, example;
