// Ids that several blueprints or aliases have, and names without what keeps others from taking them.
// returns subject, message
// access read
MATCH (n)
WHERE n:Blueprint OR n:Alias
WITH n.id AS id, count(n) AS holders,
     sum(CASE WHEN n:Named AND coalesce(n.handle = n.id, false) THEN 0 ELSE 1 END) AS unguarded
WHERE id IS NULL OR holders > 1 OR unguarded > 0
RETURN coalesce(id, '') AS subject,
       CASE WHEN id IS NULL THEN toString(holders) + ' blueprints or aliases have no id'
            WHEN holders > 1 THEN toString(holders) + ' blueprints or aliases have this id'
            ELSE 'lacks the label Named or its handle, so others could take this id' END AS message
ORDER BY subject, message;
