// Write the event of an operation, once, and join it to the blueprints that it concerns.
// param operation_id STRING the operation
// param id STRING id of the event, should it be new
// param at STRING when, as ISO 8601
// param actor STRING who
// param action STRING what
// param reason STRING? why
// param detail STRING further facts, as JSON
// param blueprints LIST<STRING> what it concerns
// returns concerned
// access write
// try :param operation_id => 'operation-1'
// try :param id => 'event-1'
// try :param at => '2026-11-24T12:00:00+00:00'
// try :param actor => 'me'
// try :param action => 'blueprint.note'
// try :param reason => null
// try :param detail => '{}'
// try :param blueprints => ['simple_mlp']
MERGE (e:Event {operation_id: $operation_id})
ON CREATE SET e.id = $id, e.at = datetime($at), e.actor = $actor, e.action = $action, e.reason = $reason,
              e.detail = $detail
WITH e
UNWIND $blueprints AS wanted
MATCH (b:Blueprint {id: wanted})
MERGE (e)-[:CONCERNS]->(b)
RETURN count(b) AS concerned;
