// How many blueprints there are that are not archived.
// returns blueprints
// access read
MATCH (b:Blueprint) WHERE b.status <> 'archived'
RETURN count(b) AS blueprints;
