// Record measurements of a blueprint on a device; the metric keeps the newest value.
// What a metric that was imported says becomes a measurement of its own first. Setting the name holds the metric:
// what it was measured as is read after that, so that of two who measure at once the newer one counts.
// param id STRING the blueprint
// param device STRING where they were taken
// param at STRING when, as ISO 8601
// param values LIST<MAP> `key`, `name`, `value`, `place`, `place_from_top`, `measurement` and further `properties` of each
// returns recorded
// access write
// try :param id => 'simple_mlp'
// try :param device => 'cpu'
// try :param at => '2026-11-24T12:00:00+00:00'
// try :param values => [{key: 'k', name: 'latency_ms', value: 1.5, place: 'latency_ms|cpu|bff8000000000000|simple_mlp', place_from_top: 'latency_ms|cpu|4007ffffffffffff|simple_mlp', measurement: 'm1', properties: {value: 1.5}}]
MATCH (b:Blueprint {id: $id})
MERGE (d:Device {name: $device})
WITH b, d
UNWIND $values AS row
MERGE (m:Metric {key: row.key})
SET m.name = row.name, m.device = $device
MERGE (m)-[:MEASURES]->(b)
MERGE (m)-[:TAKEN_ON]->(d)
FOREACH (_ IN CASE WHEN m.actor IS NULL THEN [] ELSE [1] END |
  CREATE (:Measurement {id: m.key, value: m.value, measured_at: m.measured_at, actor: m.actor})-[:REFINES]->(m)
  SET m.actor = null)
MERGE (x:Measurement {id: row.measurement})
ON CREATE SET x += row.properties, x.measured_at = datetime($at)
MERGE (x)-[:REFINES]->(m)
WITH m, row, m.measured_at IS NULL OR m.measured_at <= datetime($at) AS newest
SET m.value = CASE WHEN newest THEN row.value ELSE m.value END,
    m.place = CASE WHEN newest THEN row.place ELSE m.place END,
    m.place_from_top = CASE WHEN newest THEN row.place_from_top ELSE m.place_from_top END,
    m.measured_at = CASE WHEN newest THEN datetime($at) ELSE m.measured_at END
RETURN count(m) AS recorded;
