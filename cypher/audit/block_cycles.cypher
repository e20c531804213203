// Blueprints that are blocks of themselves, through others.
// returns subject, message
// access read
MATCH (b:Blueprint)-[:USES]->(d:Blueprint)
WHERE b <> d
MATCH way = shortestPath((d)-[:USES*1..]->(b))
RETURN b.id AS subject,
       'uses itself: ' + b.id + reduce(text = '', n IN nodes(way) | text + ' -> ' + n.id) AS message
ORDER BY subject, message;
