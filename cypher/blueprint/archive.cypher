// Hide a blueprint from lists and searches; its status is kept for the time when it is restored.
// param id STRING the blueprint
// returns id
// access write
// try :param id => 'simple_mlp'
MATCH (b:Blueprint {id: $id})
SET b.status_before = CASE WHEN b.status = 'archived' THEN b.status_before ELSE b.status END,
    b.status = 'archived'
RETURN b.id AS id;
