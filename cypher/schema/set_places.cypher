// Write the places of newest values.
// param rows LIST<MAP> `key`, `value`, `place` and `place_from_top` of each; a value that has changed since is left alone
// returns written
// access write
// try :param rows => []
UNWIND $rows AS row
MATCH (m:Metric {key: row.key}) WHERE m.value = row.value
SET m.place = row.place, m.place_from_top = row.place_from_top
RETURN count(m) AS written;
