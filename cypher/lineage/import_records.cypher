// Write lineage records: blueprints without content, with the event of the operation that imports them.
// Run after the lineage lock was taken; an id that is taken breaks a uniqueness constraint.
// param rows LIST<MAP> `id`, `name`, `description`, `author`, maybe `created_at`, `version` and `generation` of each
// param operation_id STRING the operation
// param at STRING when, as ISO 8601
// param event MAP further properties of the event, should it be new
// returns written
// access write
// try :param rows => []
// try :param operation_id => 'operation-1'
// try :param at => '2026-11-24T12:00:00+00:00'
// try :param event => {id: 'event-1', actor: 'me', action: 'lineage.import', detail: '{}'}
MERGE (e:Event {operation_id: $operation_id})
ON CREATE SET e += $event, e.at = datetime($at)
WITH e, datetime() AS now
UNWIND $rows AS row
CREATE (b:Blueprint:Named {id: row.id, handle: row.id, lineage_only: true, name: row.name,
                           description: row.description, author: row.author, version: row.version,
                           generation: row.generation, status: 'registered',
                           registered_at: now, newest_first: -(now.epochSeconds * 1000000 + now.microsecond),
                           created_at: CASE WHEN row.created_at IS NULL THEN now ELSE datetime(row.created_at) END})
CREATE (e)-[:CONCERNS]->(b)
RETURN count(b) AS written;
