// Kernels that an older version recorded without saying whether they are validated.
// param limit INTEGER how many
// returns digest, validation
// access read
// try :param limit => 100
MATCH (k:Kernel) WHERE k.validated IS NULL
RETURN k.digest AS digest, k.validation AS validation
ORDER BY digest LIMIT $limit;
