// Ids of blueprints whose normal fingerprint is missing or was made by another set of passes.
// param prefix STRING what those of the present set begin with
// param limit INTEGER how many
// returns id
// access read
// try :param prefix => 'n1.'
// try :param limit => 25
MATCH (b:Blueprint)
WHERE b.normal_fingerprint IS NULL OR NOT b.normal_fingerprint STARTS WITH $prefix
RETURN b.id AS id ORDER BY id LIMIT $limit;
