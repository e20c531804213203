// Which of some names children still wait for, although a blueprint has them by now.
// param names LIST<STRING> ids or aliases
// returns name, id
// access read
// try :param names => ['simple_mlp']
UNWIND $names AS name
MATCH (:ExternalParent {id: name})
MATCH (n:Named {handle: name})
OPTIONAL MATCH (n)-[:NAMES]->(t:Blueprint)
RETURN name, coalesce(t.id, n.id) AS id
ORDER BY name;
