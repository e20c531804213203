// Edges inside a blueprint that do not go forward: where there are none, there is no cycle either.
// returns subject, message
// access read
MATCH (s:OpNode)-[f:FEEDS]->(t:OpNode)
WHERE NOT coalesce(s.position < t.position, false)
OPTIONAL MATCH (b:Blueprint)-[:CONTAINS]->(s)
RETURN coalesce(b.id, s.uid) AS subject,
       'edge `' + coalesce(f.edge_id, '') + '` goes from `' + coalesce(s.node_id, '') + '` at position '
       + coalesce(toString(s.position), 'null') + ' to `' + coalesce(t.node_id, '') + '` at position '
       + coalesce(toString(t.position), 'null') AS message
ORDER BY subject, message;
