// Tags of a blueprint.
// param id STRING the blueprint
// returns tag
// access read
// try :param id => 'simple_mlp'
MATCH (:Blueprint {id: $id})-[:TAGGED]->(t:Tag)
RETURN t.name AS tag ORDER BY tag;
