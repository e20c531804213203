// Ids of all blueprints that are not archived, in the order of registration.
// returns id
// access read
MATCH (b:Blueprint) WHERE b.status <> 'archived'
RETURN b.id AS id ORDER BY b.registered_at, id;
