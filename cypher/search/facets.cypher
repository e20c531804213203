// How many of the blueprints that a filter keeps have which tag, category, op type, status, author, device, signature.
// The files of this folder begin with the same seeds and conditions: a seed says where to begin, and what a
// condition asks must be as it is `wanted`.
// param seed STRING where to begin: all, id, name, tag, category or family
// param values LIST<STRING> what to begin from: ids, names, tags, categories or ancestors
// param archived BOOLEAN whether archived ones count
// param conditions LIST<MAP> what must be so of each: `kind`, `wanted`, and what search/conditions.py writes for that kind
// param facets LIST<STRING> which of these to count
// returns facet, value, blueprints
// access read
// try :param seed => 'tag'
// try :param values => ['mlp']
// try :param archived => false
// try :param conditions => [{kind: 'number', name: 'parameters', intervals: [{least: 1.0, most: 5000000.0}], wanted: true}]
// try :param facets => ['tag', 'op', 'signature']
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
WITH collect(b) AS kept
CALL (kept) {
  WITH kept WHERE 'tag' IN $facets
  UNWIND kept AS b
  MATCH (b)-[:TAGGED]->(t:Tag)
  RETURN 'tag' AS facet, t.name AS value, count(*) AS blueprints
  UNION ALL
  WITH kept WHERE 'category' IN $facets
  UNWIND kept AS b
  MATCH (b)-[:IN_CATEGORY]->(t:Category)
  RETURN 'category' AS facet, t.name AS value, count(*) AS blueprints
  UNION ALL
  WITH kept WHERE 'op' IN $facets
  UNWIND kept AS b
  UNWIND b.op_types AS value
  RETURN 'op' AS facet, value, count(*) AS blueprints
  UNION ALL
  WITH kept WHERE 'status' IN $facets
  UNWIND kept AS b
  RETURN 'status' AS facet, b.status AS value, count(*) AS blueprints
  UNION ALL
  WITH kept WHERE 'author' IN $facets
  UNWIND kept AS b
  RETURN 'author' AS facet, b.author AS value, count(*) AS blueprints
  UNION ALL
  WITH kept WHERE 'device' IN $facets
  UNWIND kept AS b
  MATCH (b)<-[:MEASURES]-(m:Metric)
  RETURN 'device' AS facet, m.device AS value, count(DISTINCT b) AS blueprints
  UNION ALL
  WITH kept WHERE 'signature' IN $facets
  UNWIND kept AS b
  RETURN 'signature' AS facet, b.input_signature + ' -> ' + b.output_signature AS value, count(*) AS blueprints
}
WITH facet, value, blueprints WHERE value IS NOT NULL
RETURN facet, value, blueprints
ORDER BY facet, blueprints DESC, value;
