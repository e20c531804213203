// Derivations from parents that this store knows by name only.
// param as_of STRING? as it was known then, as ISO 8601; null for all that is known
// returns child, parent
// access read
// try :param as_of => null
MATCH (x:ExternalParent)<-[d:DERIVED_FROM_EXTERNAL]-(c:Blueprint)
WHERE $as_of IS NULL OR d.registered_at <= datetime($as_of)
RETURN DISTINCT c.id AS child, x.id AS parent
ORDER BY child, parent;
