// The digests of all kernels: their bytes should be where kernels are kept.
// returns digest
// access read
MATCH (k:Kernel)
RETURN k.digest AS digest ORDER BY digest;
