// Put a blueprint into exactly these categories.
// param id STRING the blueprint
// param categories LIST<STRING> the categories, sorted
// returns id
// access write
// try :param id => 'simple_mlp'
// try :param categories => []
MATCH (b:Blueprint {id: $id})
OPTIONAL MATCH (b)-[r:IN_CATEGORY]->(c:Category) WHERE NOT c.name IN $categories
DELETE r
WITH DISTINCT b
FOREACH (name IN $categories | MERGE (c:Category {name: name}) MERGE (b)-[:IN_CATEGORY]->(c))
RETURN b.id AS id;
