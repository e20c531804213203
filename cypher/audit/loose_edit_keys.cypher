// Edit keys of blueprints that are not there, and those that one blueprint has twice.
// returns subject, message
// access read
MATCH (k:EditKey)
WITH k.blueprint AS id, count(k) AS rows, count(DISTINCT k.key) AS keys
OPTIONAL MATCH (b:Blueprint {id: id})
WITH id, rows, keys, count(b) AS holders
WHERE holders = 0 OR rows <> keys
RETURN coalesce(id, '') AS subject,
       CASE WHEN holders = 0 THEN toString(rows) + ' edit keys are of no blueprint'
            ELSE 'has ' + toString(rows) + ' edit keys, of which ' + toString(keys) + ' differ' END AS message
ORDER BY subject, message;
