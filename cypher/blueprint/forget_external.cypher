// Forget parents that were known by name only and have arrived.
// param names LIST<STRING> the names
// returns forgotten
// access write
// try :param names => []
UNWIND $names AS name
MATCH (x:ExternalParent {id: name})
DETACH DELETE x
RETURN count(*) AS forgotten;
