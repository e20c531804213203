// Add tags to a blueprint.
// param id STRING the blueprint
// param tags LIST<STRING> the tags, sorted
// returns id
// access write
// try :param id => 'simple_mlp'
// try :param tags => ['mlp']
MATCH (b:Blueprint {id: $id})
FOREACH (name IN $tags | MERGE (t:Tag {name: name}) MERGE (b)-[:TAGGED]->(t))
RETURN b.id AS id;
