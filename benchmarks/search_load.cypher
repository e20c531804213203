// Write bare blueprints: no nodes, but what searches look at, with their tags and newest values.
// param rows LIST<MAP> `properties`, `tags`, `metrics` and the time `registered` of each
// param at STRING when they were made and measured, as ISO 8601
// returns written
// access write
// try :param rows => []
// try :param at => '2026-11-25T12:00:00Z'
UNWIND $rows AS row
CREATE (b:Blueprint:Named {created_at: datetime($at), registered_at: datetime(row.registered)})
SET b += row.properties
FOREACH (name IN row.tags | MERGE (t:Tag {name: name}) MERGE (b)-[:TAGGED]->(t))
FOREACH (metric IN row.metrics |
  CREATE (m:Metric {measured_at: datetime($at)})-[:MEASURES]->(b) SET m += metric)
RETURN count(b) AS written;
