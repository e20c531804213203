// Kernels that an older version recorded without saying whether they are validated.
// returns digest, validation
// access read
MATCH (k:Kernel) WHERE k.validated IS NULL
RETURN k.digest AS digest, k.validation AS validation;
