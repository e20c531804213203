// Save blueprints: each structure once, whatever it is called; the rest of a known one is added to its record.
// A row whose id is taken by another structure is missing from the answer; names taken by others are listed.
// Whoever runs it compares `feeds` and `derived` with what was sent where `fresh`: edges that do not go from
// a smaller to a larger position are not written, so equal numbers prove that there is no cycle.
// param rows LIST<MAP> what property_graph/rows.py writes
// param operation_id STRING the operation
// param event_id STRING id of the event, should it be new
// param at STRING when, as ISO 8601
// param actor STRING who
// param action STRING what
// param reason STRING? why
// param detail STRING further facts, as JSON
// returns number, id, own, fresh, taken, feeds, derived, awaited
// access write
// try :param rows => []
// try :param operation_id => 'operation-1'
// try :param event_id => 'event-1'
// try :param at => '2026-11-24T12:00:00+00:00'
// try :param actor => 'me'
// try :param action => 'blueprint.register'
// try :param reason => null
// try :param detail => '{}'
UNWIND $rows AS row
OPTIONAL MATCH (known:Blueprint {fingerprint: row.fingerprint})
OPTIONAL MATCH (holder:Named {handle: row.id})
FOREACH (_ IN CASE WHEN known IS NULL AND holder IS NULL THEN [1] ELSE [] END |
  CREATE (new:Blueprint:Named {fingerprint: row.fingerprint, handle: row.id, created_at: datetime(row.created_at),
                               registered_at: datetime()})
  SET new += row.properties)
WITH row
MATCH (b:Blueprint {fingerprint: row.fingerprint})
WITH row, b, b.operation_id = $operation_id AND b.id = row.id AS own
WITH row, b, own, own AND NOT EXISTS { (b)-[:CONTAINS]->() } AS fresh
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Activation ELSE [] END | CREATE (b)-[:CONTAINS]->(n:OpNode:Activation) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Attention ELSE [] END | CREATE (b)-[:CONTAINS]->(n:OpNode:Attention) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Block ELSE [] END | CREATE (b)-[:CONTAINS]->(n:OpNode:Block) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Boundary ELSE [] END | CREATE (b)-[:CONTAINS]->(n:OpNode:Boundary) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Conv ELSE [] END | CREATE (b)-[:CONTAINS]->(n:OpNode:Conv) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Custom ELSE [] END | CREATE (b)-[:CONTAINS]->(n:OpNode:Custom) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Dense ELSE [] END | CREATE (b)-[:CONTAINS]->(n:OpNode:Dense) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Effect ELSE [] END | CREATE (b)-[:CONTAINS]->(n:OpNode:Effect) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Elementwise ELSE [] END | CREATE (b)-[:CONTAINS]->(n:OpNode:Elementwise) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Embedding ELSE [] END | CREATE (b)-[:CONTAINS]->(n:OpNode:Embedding) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Norm ELSE [] END | CREATE (b)-[:CONTAINS]->(n:OpNode:Norm) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Pooling ELSE [] END | CREATE (b)-[:CONTAINS]->(n:OpNode:Pooling) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Random ELSE [] END | CREATE (b)-[:CONTAINS]->(n:OpNode:Random) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Recurrent ELSE [] END | CREATE (b)-[:CONTAINS]->(n:OpNode:Recurrent) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Reduction ELSE [] END | CREATE (b)-[:CONTAINS]->(n:OpNode:Reduction) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Routing ELSE [] END | CREATE (b)-[:CONTAINS]->(n:OpNode:Routing) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Shape ELSE [] END | CREATE (b)-[:CONTAINS]->(n:OpNode:Shape) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Spectral ELSE [] END | CREATE (b)-[:CONTAINS]->(n:OpNode:Spectral) SET n = p)
WITH row, b, own, fresh
CALL (row, b, fresh) {
  MATCH (b)-[:CONTAINS]->(n:OpNode) WHERE fresh
  WITH row, n ORDER BY n.position
  WITH row, collect(n) AS nodes
  UNWIND row.feeds AS feed
  WITH feed, nodes[feed.source] AS s, nodes[feed.target] AS t
  WHERE s.position < t.position
  CREATE (s)-[f:FEEDS]->(t) SET f = feed.properties
  RETURN count(f) AS feeds
}
CALL (row, b, own) {
  UNWIND CASE WHEN own THEN row.derivations ELSE [] END AS d
  MATCH (p:Blueprint {id: d.parent})
  MERGE (b)-[r:DERIVED_FROM {key: d.key}]->(p)
  ON CREATE SET r += d.properties, r.registered_at = b.registered_at
  RETURN count(r) AS derived
}
CALL (row, b, own) {
  UNWIND CASE WHEN own THEN row.rediscoveries ELSE row.derivations + row.rediscoveries END AS d
  MATCH (p:Blueprint {id: d.parent})
  WHERE NOT EXISTS { (b)-[:DERIVED_FROM {key: d.key}]->(p) }
  MERGE (b)-[r:REDISCOVERED_FROM {key: d.key}]->(p)
  ON CREATE SET r += d.properties, r.registered_at = datetime()
  RETURN count(r) AS rediscovered
}
CALL (row, b) {
  UNWIND row.external AS d
  MERGE (x:ExternalParent {id: d.parent})
  MERGE (b)-[r:DERIVED_FROM_EXTERNAL {key: d.key}]->(x)
  ON CREATE SET r += d.properties, r.registered_at = datetime()
  RETURN count(r) AS external
}
CALL (row, b) {
  UNWIND row.names AS name
  WITH b, name WHERE name <> b.id
  OPTIONAL MATCH (a:Named {handle: name})
  FOREACH (_ IN CASE WHEN a IS NULL THEN [1] ELSE [] END | CREATE (:Alias:Named {id: name, handle: name})-[:NAMES]->(b))
  WITH b, name
  MATCH (a:Named {handle: name})
  WHERE NOT EXISTS { (a)-[:NAMES]->(b) }
  RETURN collect(name) AS taken
}
FOREACH (name IN row.tags | MERGE (t:Tag {name: name}) MERGE (b)-[:TAGGED]->(t))
FOREACH (name IN row.categories | MERGE (c:Category {name: name}) MERGE (b)-[:IN_CATEGORY]->(c))
MERGE (e:Event {operation_id: $operation_id})
ON CREATE SET e.id = $event_id, e.at = datetime($at), e.actor = $actor, e.action = $action, e.reason = $reason,
              e.detail = $detail
MERGE (e)-[:CONCERNS]->(b)
RETURN row.number AS number, b.id AS id, own, fresh, taken, feeds, derived,
       [name IN row.names WHERE EXISTS { MATCH (:ExternalParent {id: name}) }] AS awaited;
