// How many blueprints there are beside one that is left out; archived ones are not counted.
// param id STRING the one that is left out
// returns blueprints
// access read
// try :param id => 'simple_mlp'
MATCH (b:Blueprint)
WHERE b.id <> $id AND b.status <> 'archived' AND NOT coalesce(b.lineage_only, false)
RETURN count(b) AS blueprints;
