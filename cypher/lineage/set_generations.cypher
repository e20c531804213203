// Number blueprints anew.
// param generations LIST<MAP> maps of `id` and `generation`
// returns changed
// access write
// try :param generations => []
UNWIND $generations AS row
MATCH (b:Blueprint {id: row.id})
SET b.generation = row.generation
RETURN count(b) AS changed;
