// Which names children wait for, since they were known by name only when these came.
// param names LIST<STRING> names that blueprints were given just now
// returns name
// access read
// try :param names => ['elsewhere']
UNWIND CASE WHEN EXISTS { MATCH (:ExternalParent) } THEN $names ELSE [] END AS name
MATCH (:ExternalParent {id: name})
RETURN name;
