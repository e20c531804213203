// Blueprints that do not stand among the newest ones where their time of registration puts them.
// returns subject, message
// access read
MATCH (b:Blueprint)
WITH b, -(b.registered_at.epochSeconds * 1000000 + b.registered_at.microsecond) AS place
WHERE place <> coalesce(b.newest_first, 0)
RETURN b.id AS subject,
       'its newest_first is ' + coalesce(toString(b.newest_first), 'null') + ', by registered_at it is '
       + toString(place) AS message
ORDER BY subject;
