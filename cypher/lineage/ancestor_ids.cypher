// Ids of a blueprint and of everything it descends from, sorted, in one list.
// The start is among them; an empty list means that there is no such blueprint.
// param id STRING the blueprint to start from
// returns ids
// access read
// try :param id => 'simple_mlp'
MATCH (b:Blueprint {id: $id})
CALL (b) { MATCH (b)-[:DERIVED_FROM*0..]->(m:Blueprint) RETURN DISTINCT m }
WITH m.id AS id ORDER BY id
RETURN collect(id) AS ids;
