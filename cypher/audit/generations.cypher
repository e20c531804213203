// Blueprints whose generation is not 1 + the largest of their parents', or not 0 where there are none.
// returns subject, message
// access read
MATCH (b:Blueprint)
OPTIONAL MATCH (b)-[:DERIVED_FROM]->(p:Blueprint)
WITH b, CASE WHEN count(p) = 0 THEN 0 ELSE 1 + max(coalesce(p.generation, 0)) END AS expected
WHERE coalesce(b.generation, -1) <> expected
RETURN b.id AS subject,
       'generation is ' + coalesce(toString(b.generation), 'null') + ', by its parents it is '
       + toString(expected) AS message
ORDER BY subject, message;
