// The derivations from some blueprints to their parents, in no order.
// One row of lists that go together; null where a derivation lacks the property.
// Times are text here: many of them travel three times as fast.
// param children LIST<STRING> the blueprints that derive
// param rediscoveries BOOLEAN whether rediscoveries count too
// param as_of STRING? the family as it was known then, as ISO 8601; null for all that is known
// returns children, parents, types, kinds, mutation_types, edits, actors, reasons, times, keys
// access read
// try :param children => ['simple_mlp_wide']
// try :param rediscoveries => false
// try :param as_of => null
UNWIND $children AS wanted
MATCH (c:Blueprint {id: wanted})-[d:DERIVED_FROM|REDISCOVERED_FROM]->(p:Blueprint)
WHERE ($rediscoveries OR type(d) = 'DERIVED_FROM') AND ($as_of IS NULL OR d.registered_at <= datetime($as_of))
WITH collect(c.id) AS children, collect(p.id) AS parents, collect(d) AS found
RETURN children, parents, [d IN found | type(d)] AS types,
       [d IN found | d.kind] AS kinds,
       [d IN found | d.mutation_type] AS mutation_types,
       [d IN found | d.edits] AS edits,
       [d IN found | d.actor] AS actors,
       [d IN found | d.reason] AS reasons,
       [d IN found | toString(d.registered_at)] AS times,
       [d IN found | d.key] AS keys;
