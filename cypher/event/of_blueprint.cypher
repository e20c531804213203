// Everything that happened to a blueprint, oldest first.
// param id STRING the blueprint
// returns id, operation_id, at, actor, action, reason, detail
// access read
// try :param id => 'simple_mlp'
MATCH (e:Event)-[:CONCERNS]->(:Blueprint {id: $id})
RETURN e.id AS id, e.operation_id AS operation_id, e.at AS at, e.actor AS actor, e.action AS action,
       e.reason AS reason, e.detail AS detail
ORDER BY at, id;
