// Version of the schema that this database has; null where it has none.
// returns version
// access read
OPTIONAL MATCH (v:SchemaVersion {name: 'esper_graph'})
RETURN max(v.version) AS version;
