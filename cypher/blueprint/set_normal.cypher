// Write down normal fingerprints, which follow from the content and the set of passes.
// param rows LIST<MAP> id and value of each
// returns written
// access write
// try :param rows => []
UNWIND $rows AS row
MATCH (b:Blueprint {id: row.id})
SET b.normal_fingerprint = row.value
RETURN count(b) AS written;
