// A page of the blueprints that a filter keeps, in the order of their registration, newest first.
// It is read from an index in its order, and ends where the page is full. Conditions are those of the other files.
// param archived BOOLEAN whether archived ones count
// param conditions LIST<MAP> what must be so of each: `kind`, `wanted`, and what search/conditions.py writes for that kind
// param least INTEGER from this `newest_first` on: microseconds since 1970, times -1
// param most INTEGER up to this one
// param after_id STRING? of those with the least, only who comes after this id
// param shown LIST<STRING> metrics whose newest values are told
// param limit INTEGER how many
// returns properties, tags, key, measured
// access read
// try :param archived => false
// try :param conditions => [{kind: 'number', name: 'parameters', intervals: [{least: 1.0, most: 5000000.0}], wanted: true}]
// try :param least => -9000000000000000
// try :param most => 0
// try :param after_id => null
// try :param shown => ['latency_ms']
// try :param limit => 25
MATCH (b:Blueprint)
WHERE b.newest_first >= $least AND b.newest_first <= $most AND b.id IS NOT NULL
  AND ($after_id IS NULL OR b.newest_first > $least OR b.id > $after_id) AND ($archived OR b.status <> 'archived')
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
RETURN properties(b) AS properties, [(b)-[:TAGGED]->(t:Tag) | t.name] AS tags, -b.newest_first AS key,
       [(b)<-[:MEASURES]-(m:Metric) WHERE m.name IN $shown | {name: m.name, device: m.device, value: m.value}] AS measured
ORDER BY b.newest_first, b.id LIMIT $limit;
