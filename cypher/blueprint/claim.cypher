// Hold names that no blueprint has until the transaction ends: whoever gives one of them to a blueprint waits.
// Whoever runs it fails where one of them was given to a blueprint meanwhile, and has to look again.
// param names LIST<STRING> the names, sorted
// returns held
// access write
// try :param names => ['elsewhere']
UNWIND $names AS name
CREATE (n:Alias:Named {id: name, handle: name})
WITH n
DELETE n
RETURN count(*) AS held;
