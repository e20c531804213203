// Derivations that lead in a circle.
// On every circle some child has no larger generation than its parent, and where all generations are right there
// is no such pair: so this costs one look at each derivation, and a search only where something is wrong.
// returns subject, message
// access read
MATCH (c:Blueprint)-[:DERIVED_FROM]->(p:Blueprint)
WHERE c <> p AND coalesce(c.generation, -1) <= coalesce(p.generation, -1)
MATCH way = shortestPath((p)-[:DERIVED_FROM*1..]->(c))
RETURN c.id AS subject,
       'derives from itself: ' + c.id + reduce(text = '', n IN nodes(way) | text + ' -> ' + n.id) AS message
ORDER BY subject, message;
