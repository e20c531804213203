// Nodes that nothing is joined to; events of what was purged and the store's own two nodes are meant to be so.
// param limit INTEGER how many
// returns kinds, name, node
// access read
// try :param limit => 100
MATCH (n)
WHERE NOT (n)--() AND NOT (n:Event OR n:SchemaVersion OR n:LineageLock OR n:Blueprint OR n:Tag OR n:Category)
RETURN labels(n) AS kinds, coalesce(n.id, n.uid, n.key, n.digest, n.name, '') AS name, n AS node
ORDER BY kinds[0], name LIMIT $limit;
