// Blueprints whose recorded numbers of nodes and edges are not those of the graph.
// returns subject, message
// access read
MATCH (b:Blueprint) WHERE NOT coalesce(b.lineage_only, false)
OPTIONAL MATCH (b)-[:CONTAINS]->(n:OpNode)
WITH b, count(n) AS ops
OPTIONAL MATCH (b)-[:CONTAINS]->(:OpNode)-[f:FEEDS]->(:OpNode)
WITH b, ops, count(f) AS edges
WHERE coalesce(b.op_count, -1) <> ops OR coalesce(b.edge_count, -1) <> edges
RETURN b.id AS subject,
       'records ' + coalesce(toString(b.op_count), 'no') + ' nodes and '
       + coalesce(toString(b.edge_count), 'no') + ' edges, but has ' + toString(ops) + ' and ' + toString(edges)
       AS message
ORDER BY subject, message;
