// Record the result of comparing a kernel with the interpreter; the newest counts.
// param digest STRING the kernel
// param validation STRING the result, as JSON
// param validated BOOLEAN whether there were checks and all passed
// returns blueprint
// access write
// try :param digest => '0123456789abcdef'
// try :param validation => '{"checks": [{"name": "outputs", "passed": true}]}'
// try :param validated => true
MATCH (k:Kernel {digest: $digest})-[:COMPILED_FROM]->(b:Blueprint)
SET k.validation = $validation, k.validated = $validated
RETURN b.id AS blueprint;
