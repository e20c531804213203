// Write the places of newest values.
// param rows LIST<MAP> `key`, `value` and `place` of each; a value that has changed since is left alone
// returns written
// access write
// try :param rows => []
UNWIND $rows AS row
MATCH (m:Metric {key: row.key}) WHERE m.value = row.value
SET m.place = row.place
RETURN count(m) AS written;
