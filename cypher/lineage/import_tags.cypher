// Tag lineage records that were written just now, and put them into the categories that follow.
// param rows LIST<MAP> `id`, `tags` and `categories` of each
// returns written
// access write
// try :param rows => []
UNWIND $rows AS row
MATCH (b:Blueprint {id: row.id})
FOREACH (name IN row.tags | MERGE (t:Tag {name: name}) CREATE (b)-[:TAGGED]->(t))
FOREACH (name IN row.categories | MERGE (c:Category {name: name}) CREATE (b)-[:IN_CATEGORY]->(c))
RETURN count(b) AS written;
