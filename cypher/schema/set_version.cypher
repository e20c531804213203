// Write down which version of the schema this database has; a newer one stays.
// param version INTEGER the version
// returns version
// access write
// try :param version => 1
MERGE (v:SchemaVersion {name: 'esper_graph'})
SET v.version = CASE WHEN coalesce(v.version, 0) < $version THEN $version ELSE v.version END
RETURN v.version AS version;
