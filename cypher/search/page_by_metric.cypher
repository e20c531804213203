// A page of the blueprints that a filter keeps, in the order of their newest values of a metric.
// The files of this folder begin with the same seeds and conditions: a seed says where to begin, and what a
// condition asks must be as it is `wanted`.
// param seed STRING where to begin: all, id, name, tag, category or family
// param values LIST<STRING> what to begin from: ids, names, tags, categories or ancestors
// param archived BOOLEAN whether archived ones count
// param conditions LIST<MAP> what must be so of each: `kind`, `wanted`, and what search/conditions.py writes for that kind
// param metric STRING the metric; blueprints without a value are left out
// param taken_on STRING? on this device; null takes the best value of each blueprint
// param sign FLOAT what the values are multiplied with, so that the smallest are best
// param descending BOOLEAN whether the worst come first
// param ranges LIST<MAP> conditions on the values: `intervals` of `least` and `most`, times that sign
// param after FLOAT? value of the last one of the page before, times that sign
// param after_id STRING? its id
// param shown LIST<STRING> metrics whose newest values are told
// param limit INTEGER how many
// returns properties, tags, key, measured
// access read
// try :param seed => 'tag'
// try :param values => ['mlp']
// try :param archived => false
// try :param conditions => [{kind: 'number', name: 'parameters', intervals: [{least: 1.0, most: 5000000.0}], wanted: true}]
// try :param metric => 'latency_ms'
// try :param taken_on => 'cpu'
// try :param sign => 1.0
// try :param descending => false
// try :param ranges => [{intervals: [{least: 0.0, most: 5.0}]}]
// try :param after => null
// try :param after_id => null
// try :param shown => ['latency_ms']
// try :param limit => 25
CALL () {
  WITH $seed AS seed WHERE seed = 'all'
  MATCH (b:Blueprint)
  RETURN collect(b) AS seeds
  UNION ALL
  WITH $seed AS seed WHERE seed = 'id'
  UNWIND $values AS value
  MATCH (b:Blueprint {id: value})
  RETURN collect(DISTINCT b) AS seeds
  UNION ALL
  WITH $seed AS seed WHERE seed = 'name'
  UNWIND $values AS value
  MATCH (b:Blueprint {name: value})
  RETURN collect(DISTINCT b) AS seeds
  UNION ALL
  WITH $seed AS seed WHERE seed = 'tag'
  UNWIND $values AS value
  MATCH (:Tag {name: value})<-[:TAGGED]-(b:Blueprint)
  RETURN collect(DISTINCT b) AS seeds
  UNION ALL
  WITH $seed AS seed WHERE seed = 'category'
  UNWIND $values AS value
  MATCH (:Category {name: value})<-[:IN_CATEGORY]-(b:Blueprint)
  RETURN collect(DISTINCT b) AS seeds
  UNION ALL
  WITH $seed AS seed WHERE seed = 'family'
  UNWIND $values AS value
  MATCH (a:Blueprint {id: value})
  CALL (a) { MATCH (a)<-[:DERIVED_FROM*1..]-(b:Blueprint) RETURN DISTINCT b }
  RETURN collect(DISTINCT b) AS seeds
}
UNWIND seeds AS b
WITH b
WHERE ($archived OR b.status <> 'archived')
  AND all(c IN $conditions WHERE c.wanted = CASE c.kind
    WHEN 'number' THEN coalesce(any(i IN c.intervals WHERE b[c.name] >= i.least AND b[c.name] <= i.most), false)
    WHEN 'metric' THEN coalesce(any(i IN c.intervals WHERE any(best IN
      [reduce(found = null, value IN [(b)<-[:MEASURES]-(m:Metric)
         WHERE m.name = c.name AND (c.device IS NULL OR m.device = c.device) | m.value * c.sign] |
         CASE WHEN found IS NULL OR value < found THEN value ELSE found END)]
      WHERE best >= i.least AND best <= i.most)), false)
    WHEN 'link' THEN size([(b)-[:TAGGED|IN_CATEGORY]->(t)
      WHERE c.label IN labels(t) AND (c.values IS NULL OR t.name IN c.values) | 1]) > 0
    WHEN 'op' THEN any(value IN c.values WHERE value IN coalesce(b.op_types, []))
    WHEN 'word' THEN b[c.name] IS NOT NULL AND (c.values IS NULL OR b[c.name] IN c.values)
    WHEN 'part' THEN any(name IN c.names WHERE any(value IN c.values WHERE toLower(coalesce(b[name], '')) CONTAINS value))
    WHEN 'time' THEN coalesce(any(i IN c.intervals WHERE b[c.name] IS NOT NULL
      AND (i.least IS NULL OR b[c.name] >= datetime(i.least)) AND (i.most IS NULL OR b[c.name] < datetime(i.most))), false)
    WHEN 'signature' THEN coalesce(c.texts[b.input_signature + ' -> ' + b.output_signature], false)
    WHEN 'member' THEN coalesce(c.ids[b.id], false)
    WHEN 'kind' THEN size([(b)-[d:DERIVED_FROM|DERIVED_FROM_EXTERNAL]->()
      WHERE c.values IS NULL OR d.kind IN c.values | 1]) > 0
    WHEN 'kernel' THEN size([(b)<-[:COMPILED_FROM]-(k:Kernel) WHERE NOT c.ready OR k.validated | 1]) > 0
    WHEN 'device' THEN coalesce(b.min_compute_capability, 0.0) <= c.capability
      AND (c.gpu OR NOT coalesce(b.requires_gpu, false))
      AND all(feature IN coalesce(b.requires_features, []) WHERE feature IN c.features)
    END)
MATCH (b)<-[:MEASURES]-(m:Metric) WHERE m.name = $metric AND ($taken_on IS NULL OR m.device = $taken_on)
WITH b, min(m.value * $sign) AS key
WHERE all(c IN $ranges WHERE any(i IN c.intervals WHERE key >= i.least AND key <= i.most))
  AND ($after_id IS NULL OR (key = $after AND b.id > $after_id)
    OR (CASE WHEN $descending THEN key < $after ELSE key > $after END))
WITH b, key, CASE WHEN $descending THEN -key ELSE key END AS rank, b.id AS id
ORDER BY rank, id LIMIT $limit
RETURN properties(b) AS properties, [(b)-[:TAGGED]->(t:Tag) | t.name] AS tags, key,
       [(b)<-[:MEASURES]-(m:Metric) WHERE m.name IN $shown | {name: m.name, device: m.device, value: m.value}] AS measured
ORDER BY rank, id;
