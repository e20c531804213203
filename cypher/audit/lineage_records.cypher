// Blueprints that are marked as lineage records, of which no content is known, and yet have some.
// returns subject, message
// access read
MATCH (b:Blueprint)
WHERE coalesce(b.lineage_only, false)
  AND (b.fingerprint IS NOT NULL OR b.content_digest IS NOT NULL OR b.op_count IS NOT NULL
       OR EXISTS { (b)-[:CONTAINS]->(:OpNode) })
RETURN b.id AS subject, 'is marked as known by its lineage only, but has content' AS message
ORDER BY subject, message;
