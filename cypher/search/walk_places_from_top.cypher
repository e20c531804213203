// A page of the blueprints that a filter keeps, in the order of a metric on a device, largest values first.
// It is read from an index in its order, and ends where the page is full. Conditions are those of the other files.
// param archived BOOLEAN whether archived ones count
// param conditions LIST<MAP> what must be so of each: `kind`, `wanted`, and what search/conditions.py writes for that kind
// param beyond STRING after this place, as property_graph/places.py writes it
// param most STRING up to this place
// param sign FLOAT what the values are multiplied with, so that the smallest are best
// param shown LIST<STRING> metrics whose newest values are told
// param limit INTEGER how many
// returns properties, tags, key, measured
// access read
// try :param archived => false
// try :param conditions => [{kind: 'number', name: 'parameters', intervals: [{least: 1.0, most: 5000000.0}], wanted: true}]
// try :param beyond => 'latency_ms|cpu|0000000000000000|'
// try :param most => 'latency_ms|cpu|ffffffffffffffff|~'
// try :param sign => 1.0
// try :param shown => ['latency_ms']
// try :param limit => 25
MATCH (x:Metric)-[:MEASURES]->(b:Blueprint)
WHERE x.place_from_top > $beyond AND x.place_from_top <= $most AND ($archived OR b.status <> 'archived')
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
RETURN properties(b) AS properties, [(b)-[:TAGGED]->(t:Tag) | t.name] AS tags, x.value * $sign AS key,
       [(b)<-[:MEASURES]-(m:Metric) WHERE m.name IN $shown | {name: m.name, device: m.device, value: m.value}] AS measured
ORDER BY x.place_from_top LIMIT $limit;
