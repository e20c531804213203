// Everything that is known of lineage records: what they said, and what was recorded since.
// param ids LIST<STRING> the records
// returns properties, tags, derivations, measured
// access read
// try :param ids => ['bert-base']
UNWIND $ids AS id
MATCH (b:Blueprint {id: id})
RETURN properties(b) AS properties, [(b)-[:TAGGED]->(t:Tag) | t.name] AS tags,
       [(b)-[d:DERIVED_FROM|DERIVED_FROM_EXTERNAL]->(p) | {parent: p.id, properties: properties(d)}] AS derivations,
       [(x:Measurement)-[:REFINES]->(m:Metric)-[:MEASURES]->(b) | {name: m.name, device: m.device, value: x.value}]
       + [(m:Metric)-[:MEASURES]->(b) | {name: m.name, device: m.device, value: m.value}] AS measured;
