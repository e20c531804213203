// Some of the blueprints that a search could begin from, in no order.
// param seed STRING tag or category
// param values LIST<STRING> tags or categories
// param limit INTEGER how many at most
// returns ids
// access read
// try :param seed => 'tag'
// try :param values => ['mlp']
// try :param limit => 64
CALL () {
  WITH $seed AS seed WHERE seed = 'tag'
  MATCH (t:Tag)<-[:TAGGED]-(b:Blueprint) WHERE t.name IN $values
  WITH b LIMIT $limit
  RETURN collect(b.id) AS found
  UNION ALL
  WITH $seed AS seed WHERE seed = 'category'
  MATCH (t:Category)<-[:IN_CATEGORY]-(b:Blueprint) WHERE t.name IN $values
  WITH b LIMIT $limit
  RETURN collect(b.id) AS found
}
WITH found WHERE size(found) > 0
RETURN found AS ids;
