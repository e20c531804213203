// One shortest chain of derivations from a blueprint up to another, rediscoveries included.
// No row: one of the two does not exist. Both columns null: there is no chain. The two must differ.
// Times are text here: a long chain of them travels three times as fast.
// param child STRING the newer end
// param ancestor STRING the older end
// returns ids, derivations
// access read
// try :param child => 'simple_mlp_wide'
// try :param ancestor => 'simple_mlp'
MATCH (c:Blueprint {id: $child})
MATCH (a:Blueprint {id: $ancestor})
OPTIONAL MATCH chain = shortestPath((c)-[:DERIVED_FROM|REDISCOVERED_FROM*1..]->(a))
RETURN [n IN nodes(chain) | n.id] AS ids,
       [d IN relationships(chain) | d {.*, type: type(d), registered_at: toString(d.registered_at)}] AS derivations;
