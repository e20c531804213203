// Ids of all blueprints, for checks that look at one after the other.
// returns id
// access read
MATCH (b:Blueprint)
WHERE b.id IS NOT NULL
RETURN b.id AS id ORDER BY id;
