// Blueprints that derive from parents known by name only.
// param names LIST<STRING> the names
// returns name, child, properties
// access read
// try :param names => ['elsewhere']
UNWIND $names AS name
MATCH (c:Blueprint)-[d:DERIVED_FROM_EXTERNAL]->(x:ExternalParent {id: name})
RETURN name, c.id AS child, properties(d) AS properties
ORDER BY name, child, d.key;
