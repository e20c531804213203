// Blueprints that share edit keys with one: all that are one edit apart, and some that are two.
// param keys LIST<STRING> the edit keys of the one
// param id STRING a blueprint that is left out, itself for instance
// param limit INTEGER how many
// returns id, shared
// access read
// try :param keys => ['k1:000000000000000000000000']
// try :param id => 'simple_mlp'
// try :param limit => 25
UNWIND $keys AS key
MATCH (k:EditKey {key: key})
WHERE k.blueprint <> $id
WITH k.blueprint AS id, count(DISTINCT k.key) AS shared
MATCH (b:Blueprint {id: id})
WHERE b.status <> 'archived'
RETURN id, shared ORDER BY shared DESC, id LIMIT $limit;
