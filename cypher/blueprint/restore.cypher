// Show an archived blueprint again.
// param id STRING the blueprint
// returns id
// access write
// try :param id => 'simple_mlp'
MATCH (b:Blueprint {id: $id})
SET b.status = CASE WHEN b.status = 'archived' THEN coalesce(b.status_before, 'registered') ELSE b.status END
REMOVE b.status_before
RETURN b.id AS id;
