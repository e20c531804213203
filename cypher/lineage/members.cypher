// What an export tells of some blueprints, by id.
// param ids LIST<STRING> the blueprints
// returns id, name, version, status, generation, fingerprint, registered_at
// access read
// try :param ids => ['simple_mlp']
UNWIND $ids AS wanted
MATCH (b:Blueprint {id: wanted})
RETURN b.id AS id, coalesce(b.name, '') AS name, b.version AS version, b.status AS status, b.generation AS generation,
       b.fingerprint AS fingerprint, toString(b.registered_at) AS registered_at
ORDER BY id;
