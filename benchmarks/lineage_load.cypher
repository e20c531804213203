// Write bare lineage records: blueprints without nodes, each with its newest metric and its event.
// param rows LIST<MAP> `id`, `name`, `generation` and `value` of each
// param at STRING when, as ISO 8601
// returns written
// access write
// try :param rows => []
// try :param at => '2026-11-25T12:00:00Z'
WITH datetime($at) AS at
UNWIND $rows AS row
CREATE (b:Blueprint:Named {id: row.id, handle: row.id, fingerprint: 'f1:' + row.id, name: row.name, version: 1,
                           status: 'registered', generation: row.generation, registered_at: at})
CREATE (:Event {id: 'event-' + row.id, operation_id: 'operation-' + row.id, at: at, actor: 'bench',
                action: 'blueprint.register', detail: '{}'})-[:CONCERNS]->(b)
CREATE (:Metric {key: row.id + '|accuracy|cpu', name: 'accuracy', device: 'cpu', value: row.value,
                 measured_at: at})-[:MEASURES]->(b)
RETURN count(b) AS written;
