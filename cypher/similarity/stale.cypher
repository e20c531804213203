// Ids of blueprints that have features or edit keys of another version; each branch gives no more than the limit.
// Keys begin with their version, so those of others stand before, between and behind the present ones in the index.
// A blueprint that was registered before there were features has one with an empty key.
// param edge STRING what present features of edges begin with
// param behind_edge STRING the least text behind those
// param around STRING what present features of nodes begin with
// param behind_around STRING the least text behind those
// param edit STRING what present edit keys begin with
// param behind_edit STRING the least text behind those
// param limit INTEGER how many
// returns id
// access read
// try :param edge => 'e1:'
// try :param behind_edge => 'e1;'
// try :param around => 'w1:'
// try :param behind_around => 'w1;'
// try :param edit => 'k1:'
// try :param behind_edit => 'k1;'
// try :param limit => 25
MATCH (f:Feature) WHERE f.key < $edge
MATCH (f)<-[:HAS_FEATURE]-(b:Blueprint)
RETURN DISTINCT b.id AS id LIMIT $limit
UNION
MATCH (f:Feature) WHERE f.key >= $behind_edge AND f.key < $around
MATCH (f)<-[:HAS_FEATURE]-(b:Blueprint)
RETURN DISTINCT b.id AS id LIMIT $limit
UNION
MATCH (f:Feature) WHERE f.key >= $behind_around
MATCH (f)<-[:HAS_FEATURE]-(b:Blueprint)
RETURN DISTINCT b.id AS id LIMIT $limit
UNION
MATCH (k:EditKey) WHERE k.key < $edit
RETURN DISTINCT k.blueprint AS id LIMIT $limit
UNION
MATCH (k:EditKey) WHERE k.key >= $behind_edit
RETURN DISTINCT k.blueprint AS id LIMIT $limit;
