// Save blueprints: each structure once, whatever it is called; tags are added to the record of a known one.
// A row whose id is taken by another structure is missing from the answer.
// Whoever runs it compares `feeds` with what was sent where `fresh`: edges that do not go from a smaller to a
// larger position are not written, so equal numbers prove that there is no cycle.
// A known structure that gets tags is held by its ticket: the embedded engine lets two writers merge one relationship.
// param rows LIST<MAP> what property_graph/rows.py writes, with a `number` each
// param operation_id STRING the operation
// param at STRING when, as ISO 8601
// param event MAP further properties of the event, should it be new
// returns number, id, name, description, author, own, fresh, feeds, awaited
// access write
// try :param rows => []
// try :param operation_id => 'operation-1'
// try :param at => '2026-11-24T12:00:00+00:00'
// try :param event => {id: 'event-1', actor: 'me', action: 'blueprint.register', detail: '{}'}
UNWIND $rows AS row
OPTIONAL MATCH (known:Blueprint {fingerprint: row.fingerprint})
OPTIONAL MATCH (holder:Named {handle: row.id})
WITH row, known, holder, datetime() AS now
FOREACH (_ IN CASE WHEN known IS NULL AND holder IS NULL THEN [1] ELSE [] END |
  CREATE (new:Blueprint:Named {fingerprint: row.fingerprint, handle: row.id,
                               created_at: datetime(row.created_at), registered_at: now,
                               newest_first: -(now.epochSeconds * 1000000 + now.microsecond)})
  SET new += row.properties)
WITH row
MATCH (b:Blueprint {fingerprint: row.fingerprint})
WITH row, b, b.operation_id = $operation_id AND b.id = row.id AS own
WITH row, b, own, own AND NOT EXISTS { (b)-[:CONTAINS]->() } AS fresh
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Activation ELSE [] END |
  CREATE (b)-[:CONTAINS]->(n:OpNode:Activation) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Attention ELSE [] END |
  CREATE (b)-[:CONTAINS]->(n:OpNode:Attention) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Block ELSE [] END |
  CREATE (b)-[:CONTAINS]->(n:OpNode:Block) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Boundary ELSE [] END |
  CREATE (b)-[:CONTAINS]->(n:OpNode:Boundary) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Conv ELSE [] END |
  CREATE (b)-[:CONTAINS]->(n:OpNode:Conv) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Custom ELSE [] END |
  CREATE (b)-[:CONTAINS]->(n:OpNode:Custom) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Dense ELSE [] END |
  CREATE (b)-[:CONTAINS]->(n:OpNode:Dense) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Effect ELSE [] END |
  CREATE (b)-[:CONTAINS]->(n:OpNode:Effect) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Elementwise ELSE [] END |
  CREATE (b)-[:CONTAINS]->(n:OpNode:Elementwise) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Embedding ELSE [] END |
  CREATE (b)-[:CONTAINS]->(n:OpNode:Embedding) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Norm ELSE [] END |
  CREATE (b)-[:CONTAINS]->(n:OpNode:Norm) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Pooling ELSE [] END |
  CREATE (b)-[:CONTAINS]->(n:OpNode:Pooling) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Random ELSE [] END |
  CREATE (b)-[:CONTAINS]->(n:OpNode:Random) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Recurrent ELSE [] END |
  CREATE (b)-[:CONTAINS]->(n:OpNode:Recurrent) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Reduction ELSE [] END |
  CREATE (b)-[:CONTAINS]->(n:OpNode:Reduction) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Routing ELSE [] END |
  CREATE (b)-[:CONTAINS]->(n:OpNode:Routing) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Shape ELSE [] END |
  CREATE (b)-[:CONTAINS]->(n:OpNode:Shape) SET n = p)
FOREACH (p IN CASE WHEN fresh THEN row.nodes.Spectral ELSE [] END |
  CREATE (b)-[:CONTAINS]->(n:OpNode:Spectral) SET n = p)
WITH row, b, own, fresh
CALL (b, fresh) {
  MATCH (b)-[:CONTAINS]->(n:OpNode) WHERE fresh
  WITH n ORDER BY n.position
  RETURN collect(n) AS nodes
}
CALL (row, nodes) {
  UNWIND row.feeds AS feed
  WITH feed, nodes[feed.source] AS s, nodes[feed.target] AS t
  WHERE s.position < t.position
  CREATE (s)-[f:FEEDS]->(t) SET f = feed.properties
  RETURN count(f) AS feeds
}
FOREACH (_ IN CASE WHEN own OR size(row.tags) = 0 THEN [] ELSE [1] END |
  SET b.ticket = coalesce(b.ticket, 0) + 1)
FOREACH (name IN row.tags | MERGE (t:Tag {name: name}) MERGE (b)-[:TAGGED]->(t))
FOREACH (name IN row.categories | MERGE (c:Category {name: name}) MERGE (b)-[:IN_CATEGORY]->(c))
MERGE (e:Event {operation_id: $operation_id})
ON CREATE SET e += $event, e.at = datetime($at)
MERGE (e)-[:CONCERNS]->(b)
RETURN row.number AS number, b.id AS id, b.name AS name,
       coalesce(b.description, '') AS description, coalesce(b.author, '') AS author, own, fresh, feeds,
       [name IN row.names WHERE EXISTS { MATCH (:ExternalParent {id: name}) }] AS awaited;
