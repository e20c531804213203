// What is known before a derivation is added to a blueprint that exists.
// param child STRING the blueprint that derives
// param parent STRING the one that it derives from
// param kind STRING the kind of derivation
// param operation_id STRING the operation that adds it
// returns child, parent, child_generation, parent_generation, linked, repeated
// access read
// try :param child => 'simple_mlp_wide'
// try :param parent => 'simple_mlp'
// try :param kind => 'merge'
// try :param operation_id => 'none'
OPTIONAL MATCH (c:Blueprint {id: $child})
OPTIONAL MATCH (p:Blueprint {id: $parent})
OPTIONAL MATCH (e:Event {operation_id: $operation_id})
RETURN c.id AS child, p.id AS parent,
       coalesce(c.generation, 0) AS child_generation, coalesce(p.generation, 0) AS parent_generation,
       CASE WHEN c IS NULL OR p IS NULL THEN false
            ELSE EXISTS { MATCH (c)-[d:DERIVED_FROM]->(p) WHERE d.kind = $kind } END AS linked,
       e IS NOT NULL AS repeated;
