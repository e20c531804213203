// Remove features of other versions that no blueprint has.
// param edge STRING what present features of edges begin with
// param behind_edge STRING the least text behind those
// param around STRING what present features of nodes begin with
// param behind_around STRING the least text behind those
// returns removed
// access write
// try :param edge => 'e1:'
// try :param behind_edge => 'e1;'
// try :param around => 'w1:'
// try :param behind_around => 'w1;'
MATCH (f:Feature)
WHERE (f.key < $edge OR f.key >= $behind_edge AND f.key < $around OR f.key >= $behind_around)
  AND NOT EXISTS { (f)<-[:HAS_FEATURE]-() }
DELETE f
RETURN count(*) AS removed;
