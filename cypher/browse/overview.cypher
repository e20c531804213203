// How many nodes of each kind there are.
// returns label, nodes
// access read
MATCH (n)
UNWIND labels(n) AS label
RETURN label, count(*) AS nodes
ORDER BY nodes DESC, label;
