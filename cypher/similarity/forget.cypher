// Remove the features and edit keys of blueprints, so that others can be written.
// param ids LIST<STRING> the blueprints
// returns removed
// access write
// try :param ids => ['simple_mlp']
UNWIND $ids AS id
MATCH (b:Blueprint {id: id})
CALL (b) { MATCH (b)-[h:HAS_FEATURE]->(:Feature) DELETE h RETURN count(*) AS features }
CALL (b) { MATCH (k:EditKey {blueprint: b.id}) DELETE k RETURN count(*) AS keys }
RETURN sum(features + keys) AS removed;
