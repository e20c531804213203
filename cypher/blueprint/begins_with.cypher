// Ids and aliases that begin with a text.
// param text STRING how they begin
// param limit INTEGER how many
// returns name, id
// access read
// try :param text => 'simple'
// try :param limit => 10
MATCH (n:Named) WHERE n.handle STARTS WITH $text
OPTIONAL MATCH (n)-[:NAMES]->(t:Blueprint)
RETURN n.id AS name, coalesce(t.id, n.id) AS id
ORDER BY name LIMIT $limit;
