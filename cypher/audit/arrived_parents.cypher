// Parents that are known by name only, although a blueprint has that name.
// returns subject, message
// access read
MATCH (x:ExternalParent)
MATCH (n:Named {handle: x.id})
RETURN x.id AS subject, 'children wait for it as a parent from elsewhere, but it is here' AS message
ORDER BY subject, message;
