// Ids of a blueprint and of everything it descends from, sorted, in one list.
// The start is among them; an empty list means that there is no such blueprint.
// Beside it the names that any of them derives from and that this store does not hold.
// param id STRING the blueprint to start from
// returns ids, outside
// access read
// try :param id => 'simple_mlp'
MATCH (b:Blueprint {id: $id})
CALL (b) { MATCH (b)-[:DERIVED_FROM|DERIVED_FROM_EXTERNAL*0..]->(m) RETURN DISTINCT m }
WITH m.id AS id, m:Blueprint AS inside ORDER BY id
RETURN collect(CASE WHEN inside THEN id END) AS ids, collect(CASE WHEN NOT inside THEN id END) AS outside;
