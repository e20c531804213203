// Edges that lead from one blueprint into another.
// returns subject, message
// access read
MATCH (b:Blueprint)-[:CONTAINS]->(s:OpNode)-[f:FEEDS]->(t:OpNode)<-[:CONTAINS]-(o:Blueprint)
WHERE b <> o
RETURN b.id AS subject,
       'edge `' + coalesce(f.edge_id, '') + '` leads from `' + coalesce(s.node_id, '') + '` to `'
       + coalesce(t.node_id, '') + '` of blueprint `' + o.id + '`' AS message
ORDER BY subject, message;
