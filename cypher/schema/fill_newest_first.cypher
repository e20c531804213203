// Write down where a blueprint stands among all from the newest on, where an older version did not.
// param limit INTEGER how many blueprints at once
// returns filled
// access write
// try :param limit => 100
MATCH (b:Blueprint) WHERE b.newest_first IS NULL AND b.registered_at IS NOT NULL
WITH b LIMIT $limit
SET b.newest_first = -(b.registered_at.epochSeconds * 1000000 + b.registered_at.microsecond)
RETURN count(b) AS filled;
