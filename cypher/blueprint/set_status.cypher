// Set the status of a blueprint that is not archived.
// param id STRING the blueprint
// param status STRING the status
// returns id, archived
// access write
// try :param id => 'simple_mlp'
// try :param status => 'approved'
MATCH (b:Blueprint {id: $id})
WITH b, b.status = 'archived' AS archived
SET b.status = CASE WHEN archived THEN b.status ELSE $status END
RETURN b.id AS id, archived;
