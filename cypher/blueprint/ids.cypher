// Ids of all blueprints, archived ones too.
// returns id
// access read
MATCH (b:Blueprint)
RETURN b.id AS id ORDER BY id;
