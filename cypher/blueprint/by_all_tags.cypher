// Blueprints with all of these tags.
// param tags LIST<STRING> the tags, each once
// returns id
// access read
// try :param tags => ['mlp']
MATCH (b:Blueprint)-[:TAGGED]->(t:Tag)
WHERE t.name IN $tags AND b.status <> 'archived'
WITH b, count(DISTINCT t) AS fitting
WHERE fitting = size($tags)
RETURN b.id AS id ORDER BY b.registered_at, id;
