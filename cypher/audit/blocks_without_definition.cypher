// Nodes that use a blueprint as a block which their own blueprint is not known to use.
// returns subject, message
// access read
MATCH (b:Blueprint)-[:CONTAINS]->(n:Block)
WHERE NOT EXISTS { MATCH (b)-[:USES]->(d:Blueprint) WHERE d.fingerprint = n.blueprint }
RETURN b.id AS subject,
       'node `' + n.node_id + '` uses ' + coalesce(toString(n.blueprint), 'nothing')
       + ', which its blueprint is not recorded to use' AS message
ORDER BY subject, message;
