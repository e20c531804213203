// Record which weights a kernel holds.
// param digest STRING the kernel
// param weights STRING SHA-256 of the weights
// returns weights
// access write
// try :param digest => '0123456789abcdef'
// try :param weights => 'fedcba9876543210'
MATCH (k:Kernel {digest: $digest})
MERGE (w:Weights {digest: $weights})
MERGE (k)-[:HOLDS]->(w)
RETURN w.digest AS weights;
