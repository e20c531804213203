// How many blueprints there are that nothing derives from here.
// returns total
// access read
MATCH (b:Blueprint)
WHERE NOT (b)<-[:DERIVED_FROM]-(:Blueprint)
RETURN count(b) AS total;
