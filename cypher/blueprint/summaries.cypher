// List blueprints, newest registration first.
// param tags LIST<STRING> only with all of these tags
// param status STRING? only with this status
// param author STRING? only by this author
// param name STRING? only of this name
// param archived BOOLEAN whether to list archived ones too
// param limit INTEGER how many
// returns properties, tags
// access read
// try :param tags => []
// try :param status => null
// try :param author => null
// try :param name => null
// try :param archived => false
// try :param limit => 25
MATCH (b:Blueprint)
WHERE ($status IS NULL OR b.status = $status) AND ($author IS NULL OR b.author = $author)
  AND ($name IS NULL OR b.name = $name) AND ($archived OR b.status <> 'archived')
  AND all(tag IN $tags WHERE EXISTS { (b)-[:TAGGED]->(:Tag {name: tag}) })
WITH b ORDER BY b.registered_at DESC, b.id LIMIT $limit
RETURN properties(b) AS properties, [(b)-[:TAGGED]->(t:Tag) | t.name] AS tags
ORDER BY b.registered_at DESC, b.id;
