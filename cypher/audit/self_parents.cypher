// Blueprints that are their own parent.
// returns subject, message
// access read
MATCH (b:Blueprint)-[d:DERIVED_FROM]->(b)
RETURN b.id AS subject, 'derives from itself: ' + b.id + ' -> ' + b.id AS message
ORDER BY subject, message;
