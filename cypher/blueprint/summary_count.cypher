// How many blueprints a list would have without its limit.
// param tags LIST<STRING> only with all of these tags
// param status STRING? only with this status
// param author STRING? only by this author
// param name STRING? only of this name
// param archived BOOLEAN whether to list archived ones too
// returns total
// access read
// try :param tags => []
// try :param status => null
// try :param author => null
// try :param name => null
// try :param archived => false
MATCH (b:Blueprint)
WHERE ($status IS NULL OR b.status = $status) AND ($author IS NULL OR b.author = $author)
  AND ($name IS NULL OR b.name = $name) AND ($archived OR b.status <> 'archived')
  AND all(tag IN $tags WHERE EXISTS { (b)-[:TAGGED]->(:Tag {name: tag}) })
RETURN count(b) AS total;
