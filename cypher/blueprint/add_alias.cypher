// Give a blueprint a further id; `names` says which blueprint has it then, `awaited` whether children wait for it.
// param id STRING the blueprint
// param alias STRING the further id
// returns id, names, awaited
// access write
// try :param id => 'simple_mlp'
// try :param alias => 'mlp'
MATCH (b:Blueprint {id: $id})
OPTIONAL MATCH (a:Named {handle: $alias})
FOREACH (_ IN CASE WHEN a IS NULL THEN [1] ELSE [] END | CREATE (:Alias:Named {id: $alias, handle: $alias})-[:NAMES]->(b))
WITH b
MATCH (a:Named {handle: $alias})
OPTIONAL MATCH (a)-[:NAMES]->(t:Blueprint)
RETURN b.id AS id, coalesce(t.id, a.id) AS names, EXISTS { MATCH (:ExternalParent {id: $alias}) } AS awaited;
