// Aliases that do not name exactly one blueprint.
// returns subject, message
// access read
MATCH (a:Alias)
OPTIONAL MATCH (a)-[:NAMES]->(b:Blueprint)
WITH a, count(b) AS named
WHERE named <> 1
RETURN coalesce(a.id, '') AS subject, 'the alias names ' + toString(named) + ' blueprints, not one' AS message
ORDER BY subject, message;
