// Write the derivations of lineage records from parents that are known by name only.
// param rows LIST<MAP> `child`, `parent`, `key`, `kind`, `mutation_type`, `edits`, `reason` and `number` of each
// param actor STRING who
// returns written
// access write
// try :param rows => []
// try :param actor => 'me'
UNWIND $rows AS row
MATCH (c:Blueprint {id: row.child})
MERGE (p:ExternalParent {id: row.parent})
CREATE (c)-[d:DERIVED_FROM_EXTERNAL {key: row.key, kind: row.kind, mutation_type: row.mutation_type,
                                     edits: row.edits, reason: row.reason, actor: $actor, number: row.number,
                                     registered_at: c.registered_at}]->(p)
RETURN count(d) AS written;
