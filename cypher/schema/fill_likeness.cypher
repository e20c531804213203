// Mark what is not known of blueprints that an older version wrote: an empty normal fingerprint, an empty feature.
// Both are of another version than the present one, so that `store migrate` finds them.
// param limit INTEGER how many blueprints at once
// returns filled
// access write
// try :param limit => 100
MATCH (b:Blueprint)
WHERE NOT coalesce(b.lineage_only, false)
  AND (b.normal_fingerprint IS NULL OR NOT EXISTS { (b)-[:HAS_FEATURE]->(:Feature) })
WITH b LIMIT $limit
SET b.normal_fingerprint = coalesce(b.normal_fingerprint, '')
WITH b, EXISTS { (b)-[:HAS_FEATURE]->(:Feature) } AS known
MERGE (f:Feature {key: ''})
FOREACH (_ IN CASE WHEN known THEN [] ELSE [1] END | CREATE (b)-[:HAS_FEATURE {count: 0}]->(f))
RETURN count(b) AS filled;
