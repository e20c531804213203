// Write derivations between bare lineage records that are there.
// param rows LIST<MAP> `child` and `parent` of each
// param at STRING when, as ISO 8601
// returns written
// access write
// try :param rows => []
// try :param at => '2026-11-25T12:00:00Z'
WITH datetime($at) AS at
UNWIND $rows AS row
MATCH (c:Blueprint {id: row.child})
MATCH (p:Blueprint {id: row.parent})
CREATE (c)-[d:DERIVED_FROM {key: row.child + '|mutation|' + row.parent, kind: 'mutation', edits: '[]', actor: 'bench',
                            registered_at: at}]->(p)
RETURN count(d) AS written;
