// Write what was measured on one device of lineage records that were written just now.
// A metric that says who measured is its own and only measurement, until there is another one.
// param rows LIST<MAP> `id`, `key`, `name`, `value`, `place` and `place_from_top` of each
// param device STRING where they were taken
// param at STRING when, as ISO 8601
// param actor STRING who
// returns written
// access write
// try :param rows => []
// try :param device => 'cpu'
// try :param at => '2026-11-24T12:00:00+00:00'
// try :param actor => 'me'
MERGE (d:Device {name: $device})
WITH d, datetime($at) AS at
UNWIND $rows AS row
MATCH (b:Blueprint {id: row.id})
CREATE (m:Metric {key: row.key, name: row.name, device: $device, value: row.value, place: row.place,
                  place_from_top: row.place_from_top, measured_at: at, actor: $actor})-[:MEASURES]->(b)
CREATE (m)-[:TAKEN_ON]->(d)
RETURN count(m) AS written;
