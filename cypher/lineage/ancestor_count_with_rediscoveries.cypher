// How many ancestors a blueprint has, rediscoveries included; itself is none of them.
// param id STRING the blueprint to start from
// returns total
// access read
// try :param id => 'simple_mlp'
MATCH (b:Blueprint {id: $id})
CALL (b) { MATCH (b)-[:DERIVED_FROM|REDISCOVERED_FROM*0..]->(m:Blueprint) RETURN count(DISTINCT m) AS members }
RETURN members - 1 AS total;
