// Structures that are stored more than once, and blueprints without fingerprint.
// returns subject, message
// access read
MATCH (b:Blueprint) WHERE NOT coalesce(b.lineage_only, false)
WITH b.fingerprint AS fingerprint, b ORDER BY b.id
WITH fingerprint, collect(b.id) AS ids
WHERE fingerprint IS NULL OR size(ids) > 1
UNWIND ids AS id
RETURN id AS subject,
       CASE WHEN fingerprint IS NULL THEN 'has no fingerprint'
            ELSE 'has the structure of ' + reduce(text = '', other IN [o IN ids WHERE o <> id] |
                 text + CASE WHEN text = '' THEN '' ELSE ', ' END + '`' + other + '`') END AS message
ORDER BY subject, message;
