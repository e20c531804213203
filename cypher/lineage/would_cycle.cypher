// Whether a derivation between two blueprints would close a cycle: the way from the parent to the child that exists.
// Nothing is written. No row: one of the two does not exist. Null: there is no such way. The two must differ.
// param child STRING the blueprint that would derive
// param parent STRING the one that it would derive from
// returns path
// access read
// try :param child => 'simple_mlp'
// try :param parent => 'simple_mlp_wide'
MATCH (c:Blueprint {id: $child})
MATCH (p:Blueprint {id: $parent})
OPTIONAL MATCH way = shortestPath((p)-[:DERIVED_FROM*1..]->(c))
RETURN [n IN nodes(way) | n.id] AS path;
