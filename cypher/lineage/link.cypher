// Add a derivation between two blueprints that exist; one with the same key stays as it is.
// Run only after the lineage lock was taken and no path leads from the parent to the child.
// param child STRING the blueprint that derives
// param parent STRING the one that it derives from
// param key STRING names the derivation
// param properties MAP its other properties
// param registered_at STRING when, as ISO 8601
// returns key
// access write
// try :param child => 'simple_mlp_wide'
// try :param parent => 'simple_mlp'
// try :param key => 'simple_mlp_wide|merge|simple_mlp'
// try :param properties => {kind: 'merge', edits: '[]', actor: 'me'}
// try :param registered_at => '2026-11-24T12:00:00+00:00'
MATCH (c:Blueprint {id: $child})
MATCH (p:Blueprint {id: $parent})
MERGE (c)-[d:DERIVED_FROM {key: $key}]->(p)
ON CREATE SET d += $properties, d.registered_at = datetime($registered_at)
RETURN d.key AS key;
