// Whether an operation was carried out: how many events it has.
// param operation_id STRING the operation
// returns events
// access read
// try :param operation_id => 'operation-1'
MATCH (e:Event {operation_id: $operation_id})
RETURN count(e) AS events;
