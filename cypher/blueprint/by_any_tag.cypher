// Blueprints with at least one of these tags, the most fitting first.
// param tags LIST<STRING> the tags
// returns id
// access read
// try :param tags => ['mlp']
MATCH (b:Blueprint)-[:TAGGED]->(t:Tag)
WHERE t.name IN $tags AND b.status <> 'archived'
WITH b, count(DISTINCT t) AS fitting
RETURN b.id AS id ORDER BY fitting DESC, b.registered_at, id;
