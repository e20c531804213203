// Write the derivations of lineage records that were written just now.
// Whoever runs it compares `written` with what was sent: a parent that is gone, or has another generation than
// the child's was computed from, gets no derivation.
// param rows LIST<MAP> `child`, `parent`, the parent's `generation`, `key`, `kind`, `mutation_type`, `edits`, `reason` and `number` of each
// param actor STRING who
// returns written
// access write
// try :param rows => []
// try :param actor => 'me'
UNWIND $rows AS row
MATCH (c:Blueprint {id: row.child})
MATCH (p:Blueprint {id: row.parent})
WHERE coalesce(p.generation, 0) = row.generation
CREATE (c)-[d:DERIVED_FROM {key: row.key, kind: row.kind, mutation_type: row.mutation_type, edits: row.edits,
                            reason: row.reason, actor: $actor, number: row.number,
                            registered_at: c.registered_at}]->(p)
RETURN count(d) AS written;
