// Blueprints that compute the same as one, once simplified.
// param normal STRING the normal fingerprint
// param id STRING a blueprint that is left out, itself for instance
// param limit INTEGER how many
// returns id
// access read
// try :param normal => 'n1.00000000:00'
// try :param id => 'simple_mlp'
// try :param limit => 25
MATCH (b:Blueprint {normal_fingerprint: $normal})
WHERE b.id <> $id AND b.status <> 'archived' AND NOT $normal ENDS WITH ':none'
RETURN b.id AS id ORDER BY id LIMIT $limit;
