// One shortest chain of derivations from a blueprint up to another, rediscoveries included.
// No row: one of the two does not exist. All columns null: there is no chain. The two must differ.
// Lists that go together, and times as text: a long chain travels several times as fast.
// param child STRING the newer end
// param ancestor STRING the older end
// returns ids, types, kinds, mutation_types, edits, actors, reasons, times, keys
// access read
// try :param child => 'simple_mlp_wide'
// try :param ancestor => 'simple_mlp'
MATCH (c:Blueprint {id: $child})
MATCH (a:Blueprint {id: $ancestor})
OPTIONAL MATCH chain = shortestPath((c)-[:DERIVED_FROM|REDISCOVERED_FROM*1..]->(a))
RETURN [n IN nodes(chain) | n.id] AS ids, [d IN relationships(chain) | type(d)] AS types,
       [d IN relationships(chain) | d.kind] AS kinds,
       [d IN relationships(chain) | d.mutation_type] AS mutation_types,
       [d IN relationships(chain) | d.edits] AS edits,
       [d IN relationships(chain) | d.actor] AS actors,
       [d IN relationships(chain) | d.reason] AS reasons,
       [d IN relationships(chain) | toString(d.registered_at)] AS times,
       [d IN relationships(chain) | d.key] AS keys;
