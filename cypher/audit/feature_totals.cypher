// Blueprints whose recorded totals are not those of their features.
// returns subject, message
// access read
MATCH (b:Blueprint)
OPTIONAL MATCH (b)-[h:HAS_FEATURE]->(f:Feature)
WITH b, count(h) AS features, coalesce(sum(h.count), 0) AS count,
     coalesce(sum(log(1 + coalesce(h.count, 0))), 0) AS weight
WHERE coalesce(b.feature_count, 0) <> count OR abs(coalesce(b.feature_weight, 0.0) - weight) > 1e-6
RETURN b.id AS subject,
       'records features of ' + coalesce(toString(b.feature_count), 'no') + ' in all, but has '
       + toString(features) + ' features of ' + toString(count) AS message
ORDER BY subject, message;
