// Derivations that do not say what they are: without key, kind, actor or time.
// returns subject, message
// access read
MATCH (c:Blueprint)-[d:DERIVED_FROM|REDISCOVERED_FROM]->(p:Blueprint)
WHERE d.key IS NULL OR d.kind IS NULL OR d.actor IS NULL OR d.registered_at IS NULL
RETURN c.id AS subject,
       'its derivation from `' + p.id + '` lacks' + CASE WHEN d.key IS NULL THEN ' key' ELSE '' END
       + CASE WHEN d.kind IS NULL THEN ' kind' ELSE '' END + CASE WHEN d.actor IS NULL THEN ' actor' ELSE '' END
       + CASE WHEN d.registered_at IS NULL THEN ' registered_at' ELSE '' END AS message
ORDER BY subject, message;
