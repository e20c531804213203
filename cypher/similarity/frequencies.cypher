// How many blueprints have each of some features; features that nobody has are left out.
// param keys LIST<STRING> keys of features
// returns key, blueprints
// access read
// try :param keys => ['e1:linear 0>0 output']
UNWIND $keys AS key
MATCH (f:Feature {key: key})
RETURN key, COUNT { (f)<-[:HAS_FEATURE]-() } AS blueprints;
