// The devices that anything was measured on.
// returns name
// access read
MATCH (d:Device)
RETURN d.name AS name ORDER BY name;
