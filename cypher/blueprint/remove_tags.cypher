// Remove tags from a blueprint.
// param id STRING the blueprint
// param tags LIST<STRING> the tags
// returns id
// access write
// try :param id => 'simple_mlp'
// try :param tags => ['mlp']
MATCH (b:Blueprint {id: $id})
OPTIONAL MATCH (b)-[r:TAGGED]->(t:Tag) WHERE t.name IN $tags
DELETE r
RETURN DISTINCT b.id AS id;
