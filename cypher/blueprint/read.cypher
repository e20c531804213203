// Everything that a blueprint is made of.
// param names LIST<STRING> ids or aliases
// returns name, properties, nodes, feeds, tags, derivations
// access read
// try :param names => ['simple_mlp']
UNWIND $names AS name
MATCH (n:Named {handle: name})
OPTIONAL MATCH (n)-[:NAMES]->(t:Blueprint)
WITH name, coalesce(t, n) AS b
RETURN name, properties(b) AS properties,
       [(b)-[:CONTAINS]->(o:OpNode) | properties(o)] AS nodes,
       [(b)-[:CONTAINS]->(s:OpNode)-[f:FEEDS]->(o:OpNode) |
        {source: s.node_id, target: o.node_id, properties: properties(f)}] AS feeds,
       [(b)-[:TAGGED]->(g:Tag) | g.name] AS tags,
       [(b)-[d:DERIVED_FROM|DERIVED_FROM_EXTERNAL]->(p) | {parent: p.id, properties: properties(d)}] AS derivations;
