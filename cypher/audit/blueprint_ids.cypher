// Ids of all blueprints that have content, for checks that look at one after the other.
// returns id
// access read
MATCH (b:Blueprint)
WHERE b.id IS NOT NULL AND NOT coalesce(b.lineage_only, false)
RETURN b.id AS id ORDER BY id;
