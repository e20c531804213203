// What an operation was, and the structures that it concerns; no row where it was not carried out.
// param operation_id STRING the operation
// returns action, fingerprints
// access read
// try :param operation_id => 'operation-1'
MATCH (e:Event {operation_id: $operation_id})
OPTIONAL MATCH (e)-[:CONCERNS]->(b:Blueprint)
RETURN e.action AS action, collect(b.fingerprint) AS fingerprints;
