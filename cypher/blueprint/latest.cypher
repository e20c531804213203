// The blueprint that was registered last under a name.
// param name STRING the name
// returns id
// access read
// try :param name => 'MLP'
MATCH (b:Blueprint {name: $name}) WHERE b.status <> 'archived'
RETURN b.id AS id
ORDER BY b.registered_at DESC, b.version DESC, b.id DESC LIMIT 1;
