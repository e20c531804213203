// Write whether kernels are validated.
// param rows LIST<MAP> `digest` and `validated` of each; what was written since is left alone
// returns written
// access write
// try :param rows => []
UNWIND $rows AS row
MATCH (k:Kernel {digest: row.digest}) WHERE k.validated IS NULL
SET k.validated = row.validated
RETURN count(k) AS written;
