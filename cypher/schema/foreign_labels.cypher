// Labels of nodes, to find out whether the database holds anything that is not esper_graph's.
// param known LIST<STRING> labels that are esper_graph's
// returns label, nodes
// access read
// try :param known => ['Blueprint', 'OpNode']
MATCH (n)
WHERE none(label IN labels(n) WHERE label IN $known)
WITH CASE WHEN size(labels(n)) = 0 THEN '' ELSE labels(n)[0] END AS label
RETURN label, count(*) AS nodes
ORDER BY nodes DESC, label LIMIT 5;
