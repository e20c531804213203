// Write what was measured of lineage records that were written just now.
// param devices LIST<MAP> for each device its `name` and `values`: maps of `id`, `key`, `name`, `value`, `place`, `place_from_top` and `measurement`
// param at STRING when, as ISO 8601
// param actor STRING who
// param operation_id STRING the operation
// returns written
// access write
// try :param devices => []
// try :param at => '2026-11-24T12:00:00+00:00'
// try :param actor => 'me'
// try :param operation_id => 'operation-1'
WITH datetime($at) AS at
UNWIND $devices AS device
MERGE (d:Device {name: device.name})
WITH at, device, d
UNWIND device.values AS row
MATCH (b:Blueprint {id: row.id})
CREATE (m:Metric {key: row.key, name: row.name, device: device.name, value: row.value, place: row.place,
                  place_from_top: row.place_from_top, measured_at: at})-[:MEASURES]->(b)
CREATE (m)-[:TAKEN_ON]->(d)
CREATE (x:Measurement {id: row.measurement, value: row.value, measured_at: at, actor: $actor,
                       operation_id: $operation_id})-[:REFINES]->(m)
RETURN count(m) AS written;
