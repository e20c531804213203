// Ids of blueprints whose normal fingerprint was made by another set of passes; each branch gives no more than the limit.
// Those of others stand before and behind the present ones in the index.
// param prefix STRING what those of the present set begin with
// param behind STRING the least text behind those
// param limit INTEGER how many
// returns id
// access read
// try :param prefix => 'n1.00000000:'
// try :param behind => 'n1.00000000;'
// try :param limit => 25
MATCH (b:Blueprint) WHERE b.normal_fingerprint < $prefix
RETURN b.id AS id LIMIT $limit
UNION
MATCH (b:Blueprint) WHERE b.normal_fingerprint >= $behind
RETURN b.id AS id LIMIT $limit;
