// Blueprints that share features with one, most alike first, with both scores.
// Scores are weighted Jaccard: what is shared through the features of both. `family` weighs a feature by
// ln(1 + count), `duplicate` by its count. Where features are left out, scores say what is certain without them:
// they are no higher than they would be with them.
// param features LIST<MAP> `key` and `count` of the features that are looked at
// param count INTEGER all features of the one, each as often as it is there
// param weight FLOAT the same, damped
// param rest INTEGER how much of `count` is left out
// param score STRING what to sort by: family or duplicate
// param at_least FLOAT least score by duplicate that is possible, whatever is left out
// param id STRING a blueprint that is left out, itself for instance
// param limit INTEGER how many
// returns id, family, duplicate
// access read
// try :param features => [{key: 'e1:linear 0>0 output', count: 1}]
// try :param count => 9
// try :param weight => 6.2
// try :param rest => 8
// try :param score => 'family'
// try :param at_least => 0.0
// try :param id => 'simple_mlp'
// try :param limit => 25
UNWIND $features AS asked
MATCH (f:Feature {key: asked.key})<-[h:HAS_FEATURE]-(b:Blueprint)
WITH b, CASE WHEN h.count < asked.count THEN h.count ELSE asked.count END AS both
WITH b, sum(both) AS count, sum(log(1 + both)) AS weight
WHERE b.id <> $id AND b.status <> 'archived'
  AND (1 + $at_least) * (count + $rest) + 1e-6 >= $at_least * ($count + b.feature_count)
  AND (1 + $at_least) * b.feature_count + 1e-6 >= $at_least * ($count + b.feature_count)
WITH b.id AS id, weight / ($weight + b.feature_weight - weight) AS family,
     toFloat(count) / ($count + b.feature_count - count) AS duplicate
RETURN id, family, duplicate
ORDER BY round(CASE $score WHEN 'family' THEN family ELSE duplicate END * 1e9) DESC, id LIMIT $limit;
