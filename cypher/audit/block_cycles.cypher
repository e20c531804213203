// Blueprints that are blocks of themselves.
// returns subject, message
// access read
MATCH (b:Blueprint)-[:USES]->(d:Blueprint)
MATCH way = shortestPath((d)-[:USES*0..]->(b))
RETURN b.id AS subject,
       'uses itself: ' + b.id + reduce(text = '', n IN nodes(way) | text + ' -> ' + n.id) AS message
ORDER BY subject, message;
