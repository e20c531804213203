// What happened last, newest first.
// param limit INTEGER how many
// returns at, actor, action, reason, concerns
// access read
// try :param limit => 25
MATCH (e:Event)
WITH e ORDER BY e.at DESC, e.id DESC LIMIT $limit
OPTIONAL MATCH (e)-[:CONCERNS]->(x)
WITH e, coalesce(x.id, x.digest) AS concerned ORDER BY concerned
WITH e, collect(concerned) AS concerns
RETURN e.at AS at, e.actor AS actor, e.action AS action, e.reason AS reason, concerns
ORDER BY at DESC, e.id DESC;
