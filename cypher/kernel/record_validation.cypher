// Record the result of comparing a kernel with the interpreter; the newest counts.
// param digest STRING the kernel
// param validation STRING the result, as JSON
// returns blueprint
// access write
// try :param digest => '0123456789abcdef'
// try :param validation => '{"passed": true}'
MATCH (k:Kernel {digest: $digest})-[:COMPILED_FROM]->(b:Blueprint)
SET k.validation = $validation
RETURN b.id AS blueprint;
