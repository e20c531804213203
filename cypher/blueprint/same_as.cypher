// Blueprints that share an identity with one, itself included, oldest registration first.
// Archived ones are left out, but for the one itself. One that has no normal fingerprint is the same as itself only.
// param id STRING the blueprint
// param under STRING which identity: fingerprint (the same structure) or normal (the same once simplified)
// param limit INTEGER how many
// returns properties, tags
// access read
// try :param id => 'simple_mlp'
// try :param under => 'normal'
// try :param limit => 25
MATCH (a:Blueprint {id: $id})
CALL (a) {
  WITH a WHERE $under = 'fingerprint'
  MATCH (b:Blueprint {fingerprint: a.fingerprint})
  RETURN b
  UNION
  WITH a WHERE $under = 'normal'
  MATCH (b:Blueprint {normal_fingerprint: a.normal_fingerprint})
  RETURN b
}
WITH a, b WHERE $under = 'fingerprint' OR b.id = a.id OR NOT a.normal_fingerprint ENDS WITH ':none'
WITH a, b WHERE b.status <> 'archived' OR b.id = a.id
WITH b ORDER BY b.registered_at, b.id LIMIT $limit
RETURN properties(b) AS properties, [(b)-[:TAGGED]->(t:Tag) | t.name] AS tags
ORDER BY b.registered_at, b.id;
