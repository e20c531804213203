// Join blueprints that were saved just now to their aliases and parents.
// Whoever runs it compares `derived` with what was sent; names that others hold are listed as `taken`.
// param rows LIST<MAP> for each blueprint its `id`, `names`, `derived`, `rediscovered` and `external`
// returns id, derived, taken, awaited
// access write
// try :param rows => []
UNWIND $rows AS row
MATCH (b:Blueprint {id: row.id})
CALL (row, b) {
  WITH row, b, [(b)-[r:DERIVED_FROM]->() | r.key] AS known
  UNWIND row.derived AS d
  MATCH (p:Blueprint {id: d.parent})
  FOREACH (_ IN CASE WHEN d.key IN known THEN [] ELSE [1] END |
    CREATE (b)-[r:DERIVED_FROM {key: d.key}]->(p) SET r += d.properties, r.registered_at = b.registered_at)
  RETURN count(p) AS derived
}
CALL (row, b) {
  WITH row, b, [(b)-[r:DERIVED_FROM|REDISCOVERED_FROM]->() | r.key] AS known
  UNWIND row.rediscovered AS d
  MATCH (p:Blueprint {id: d.parent})
  FOREACH (_ IN CASE WHEN d.key IN known THEN [] ELSE [1] END |
    CREATE (b)-[r:REDISCOVERED_FROM {key: d.key}]->(p) SET r += d.properties, r.registered_at = datetime())
  RETURN count(p) AS rediscovered
}
CALL (row, b) {
  WITH row, b, [(b)-[r:DERIVED_FROM_EXTERNAL]->() | r.key] AS known
  UNWIND row.external AS d
  MERGE (x:ExternalParent {id: d.parent})
  FOREACH (_ IN CASE WHEN d.key IN known THEN [] ELSE [1] END |
    CREATE (b)-[r:DERIVED_FROM_EXTERNAL {key: d.key}]->(x) SET r += d.properties, r.registered_at = datetime())
  RETURN count(x) AS external
}
CALL (row, b) {
  UNWIND row.names AS name
  OPTIONAL MATCH (a:Named {handle: name})
  FOREACH (_ IN CASE WHEN a IS NULL THEN [1] ELSE [] END |
    CREATE (:Alias:Named {id: name, handle: name})-[:NAMES]->(b))
  WITH b, name
  MATCH (a:Named {handle: name})
  WHERE NOT EXISTS { (a)-[:NAMES]->(b) }
  RETURN collect(name) AS taken
}
RETURN b.id AS id, derived, taken,
       [name IN row.names WHERE EXISTS { MATCH (:ExternalParent {id: name}) }] AS awaited;
