// The blueprints without a derivation in either direction here, by id.
// param limit INTEGER how many at most
// returns id, name
// access read
// try :param limit => 100
MATCH (b:Blueprint)
WHERE NOT (b)-[:DERIVED_FROM]->(:Blueprint) AND NOT (b)<-[:DERIVED_FROM]-(:Blueprint)
RETURN b.id AS id, coalesce(b.name, '') AS name
ORDER BY id LIMIT $limit;
