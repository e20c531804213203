// The features and edit keys of blueprints, as they are written in the store.
// param ids LIST<STRING> the blueprints
// returns id, features, edit_keys
// access read
// try :param ids => ['simple_mlp']
UNWIND $ids AS id
MATCH (b:Blueprint {id: id})
CALL (b) {
  MATCH (b)-[h:HAS_FEATURE]->(f:Feature)
  RETURN collect({key: f.key, count: h.count}) AS features
}
CALL (b) {
  MATCH (k:EditKey {blueprint: b.id})
  RETURN collect(k.key) AS edit_keys
}
RETURN b.id AS id, features, edit_keys;
