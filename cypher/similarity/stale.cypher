// Ids of blueprints whose features and edit keys are missing, or mean what those of another version mean.
// param version STRING the present version
// param limit INTEGER how many
// returns id
// access read
// try :param version => 'e1:w1:k1:'
// try :param limit => 25
MATCH (b:Blueprint)
WHERE b.feature_version IS NULL OR b.feature_version <> $version
RETURN b.id AS id ORDER BY id LIMIT $limit;
