// How many blueprints there are without a derivation in either direction here.
// returns total
// access read
MATCH (b:Blueprint)
WHERE NOT (b)-[:DERIVED_FROM]->(:Blueprint) AND NOT (b)<-[:DERIVED_FROM]-(:Blueprint)
RETURN count(b) AS total;
