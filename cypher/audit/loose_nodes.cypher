// Nodes that do not belong to exactly one blueprint.
// returns subject, message
// access read
MATCH (n:OpNode)
OPTIONAL MATCH (b:Blueprint)-[:CONTAINS]->(n)
WITH n, count(b) AS owners
WHERE owners <> 1
RETURN coalesce(n.uid, '') AS subject,
       'node `' + coalesce(n.node_id, '') + '` belongs to ' + toString(owners) + ' blueprints, not to one'
       AS message
ORDER BY subject, message;
