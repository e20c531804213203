// Write the features and edit keys of blueprints that have none yet.
// Features come sorted by key, so that writers who share some never wait for one another in a circle.
// param rows LIST<MAP> for each blueprint its `id`, `number` from 0 on, `count`, `weight` and `edit_keys`
// param features LIST<MAP> for each feature its `key`, and in `found` pairs: number of a blueprint, how often
// returns written
// access write
// try :param rows => []
// try :param features => []
UNWIND $rows AS row
MATCH (b:Blueprint {id: row.id})
SET b.feature_count = row.count, b.feature_weight = row.weight
FOREACH (key IN row.edit_keys | CREATE (:EditKey {key: key, blueprint: row.id}))
WITH b ORDER BY row.number
WITH collect(b) AS blueprints
UNWIND $features AS feature
MERGE (f:Feature {key: feature.key})
WITH blueprints, f, feature
UNWIND feature.found AS found
WITH blueprints[found[0]] AS b, found[1] AS count, f
CREATE (b)-[h:HAS_FEATURE {count: count}]->(f)
RETURN count(h) AS written;
