// Names of all procedures the engine offers, to find out what it can do.
// returns name
// access read
SHOW PROCEDURES YIELD name RETURN name ORDER BY name;
